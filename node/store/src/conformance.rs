//! What every implementation of [`Tables`](crate::Tables) must do: `tables_test!(name, || fresh tables)`.

/// Runs the tests of the trait against the tables that `$fresh` makes: `(guard, tables)`, the guard kept while they are used.
macro_rules! tables_test {
    ($name:ident, $fresh:expr) => {
        mod $name {
            use crate::conformance::cases;

            #[test]
            fn rows_are_written_replaced_and_removed() {
                let (_guard, mut tables) = $fresh;
                cases::rows_are_written_replaced_and_removed(&mut tables);
            }
            #[test]
            fn a_scan_stays_in_its_table_and_its_limit() {
                let (_guard, mut tables) = $fresh;
                cases::a_scan_stays_in_its_table_and_its_limit(&mut tables);
            }
            #[test]
            fn a_refused_checkpoint_changes_nothing() {
                let (_guard, mut tables) = $fresh;
                cases::a_refused_checkpoint_changes_nothing(&mut tables);
            }
            #[test]
            fn a_dump_is_all_rows_in_order() {
                let (_guard, mut tables) = $fresh;
                cases::a_dump_is_all_rows_in_order(&mut tables);
            }
            #[test]
            fn the_longest_key_is_kept() {
                let (_guard, mut tables) = $fresh;
                cases::the_longest_key_is_kept(&mut tables);
            }
        }
    };
}

tables_test!(memory, ((), crate::MemoryTables::default()));
tables_test!(disk, {
    let folder = tempfile::tempdir().unwrap();
    let tables = crate::DiskTables::open(folder.path(), crate::DiskOptions::default()).unwrap();
    (folder, tables)
});

mod cases {
    use crate::{KEY_LEN_MAX, RESERVED_TABLE, StoreError, Tables, Write};
    use symbolon_types::Hash;

    type Owned<'a> = (u16, &'a [u8], Option<&'a [u8]>);

    fn checkpoint(tables: &mut impl Tables, applied: u64, writes: &[Owned<'_>]) -> Result<(), StoreError> {
        let mut writes = writes.iter().map(|&(table, key, value)| Write { table, key, value });
        tables.checkpoint(applied, hash(applied), &mut writes)
    }

    fn hash(applied: u64) -> Hash {
        Hash([u8::try_from(applied).unwrap(); 32])
    }

    fn all(tables: &impl Tables) -> Vec<(u16, Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        tables
            .dump(&mut |row| {
                rows.push((row.table, row.key.to_vec(), row.value.to_vec()));
                Ok(())
            })
            .unwrap();
        rows
    }

    fn keys(rows: Vec<crate::Row>) -> Vec<Vec<u8>> {
        rows.into_iter().map(|(key, _)| key).collect()
    }

    pub fn rows_are_written_replaced_and_removed(tables: &mut impl Tables) {
        assert_eq!((tables.applied(), tables.head_hash()), (0, Hash::ZERO));
        checkpoint(tables, 3, &[(1, b"a", Some(b"1")), (1, b"b", Some(b"2")), (2, b"a", Some(b""))]).unwrap();
        assert_eq!((tables.applied(), tables.head_hash()), (3, hash(3)));
        assert_eq!(tables.get(1, b"a").unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(tables.get(2, b"a").unwrap().as_deref(), Some(b"".as_slice()), "an empty value is a row");
        assert_eq!(tables.get(3, b"a").unwrap(), None);
        checkpoint(tables, 4, &[(1, b"a", Some(b"3")), (1, b"b", None), (9, b"z", None)]).unwrap();
        assert_eq!(tables.get(1, b"a").unwrap().as_deref(), Some(b"3".as_slice()));
        assert_eq!(tables.get(1, b"b").unwrap(), None);
        checkpoint(tables, 4, &[(1, b"c", Some(b"x")), (1, b"c", Some(b"y")), (1, b"a", None)]).unwrap();
        assert_eq!(tables.get(1, b"c").unwrap().as_deref(), Some(b"y".as_slice()), "the later write holds");
        assert_eq!(tables.get(1, b"a").unwrap(), None);
    }

    pub fn a_scan_stays_in_its_table_and_its_limit(tables: &mut impl Tables) {
        let last = RESERVED_TABLE - 1;
        let mut writes: Vec<Owned<'_>> = vec![(4, b"\xFF\xFF", Some(b"")), (6, b"", Some(b""))];
        writes.extend(
            [b"".as_slice(), b"\0", b"a", b"ab", b"b", b"\xFF\xFF\xFF"].map(|key| (5, key, Some(key))),
        );
        writes.push((last, b"z", Some(b"")));
        checkpoint(tables, 1, &writes).unwrap();
        let scan = |table, from: &[u8], limit| keys(tables.scan(table, from, limit).unwrap());
        assert_eq!(scan(5, b"", 99), [b"".as_slice(), b"\0", b"a", b"ab", b"b", b"\xFF\xFF\xFF"]);
        assert_eq!(scan(5, b"a", 2), [b"a".as_slice(), b"ab"]);
        assert_eq!(scan(5, b"a\0", 1), [b"ab"]);
        assert_eq!(scan(5, b"\xFF\xFF\xFF\0", 9), Vec::<Vec<u8>>::new());
        assert_eq!(scan(5, b"", 0), Vec::<Vec<u8>>::new());
        assert_eq!(scan(last, b"", usize::MAX), [b"z"]);
        assert!(matches!(tables.scan(RESERVED_TABLE, b"", 9), Err(StoreError::ReservedTable)));
        assert!(matches!(tables.get(RESERVED_TABLE, b"restart"), Err(StoreError::ReservedTable)));
    }

    pub fn a_refused_checkpoint_changes_nothing(tables: &mut impl Tables) {
        checkpoint(tables, 5, &[(1, b"a", Some(b"1"))]).unwrap();
        let before = all(tables);
        let good: Owned<'_> = (1, b"b", Some(b"2"));
        let long = vec![0; KEY_LEN_MAX + 1];
        let refused = checkpoint(tables, 6, &[good, (RESERVED_TABLE, b"restart", Some(b""))]);
        assert!(matches!(refused, Err(StoreError::ReservedTable)));
        let refused = checkpoint(tables, 6, &[good, (1, &long, Some(b""))]);
        assert!(matches!(refused, Err(StoreError::TooLong)));
        let refused = checkpoint(tables, 4, &[good]);
        assert!(matches!(refused, Err(StoreError::GoesBack { applied: 5, asked: 4 })));
        assert_eq!((tables.applied(), tables.head_hash(), all(tables)), (5, hash(5), before));
        checkpoint(tables, 6, &[good]).unwrap();
        assert_eq!(all(tables).len(), 2);
    }

    pub fn a_dump_is_all_rows_in_order(tables: &mut impl Tables) {
        assert_eq!(all(tables), []);
        let writes: Vec<(u16, [u8; 2])> =
            (0..600u16).map(|n| (n % 7 * 256, n.wrapping_mul(7919).to_be_bytes())).collect();
        let writes: Vec<Owned<'_>> =
            writes.iter().map(|(table, key)| (*table, key.as_slice(), Some(key.as_slice()))).collect();
        checkpoint(tables, 1, &writes).unwrap();
        let mut sorted: Vec<_> =
            writes.iter().map(|&(table, key, _)| (table, key.to_vec(), key.to_vec())).collect();
        sorted.sort();
        assert_eq!(all(tables), sorted);
        let mut seen = 0;
        let stopped = tables.dump(&mut |_| {
            seen += 1;
            if seen == 3 { Err(StoreError::TooLong) } else { Ok(()) }
        });
        assert!(matches!(stopped, Err(StoreError::TooLong)));
        assert_eq!(seen, 3, "a dump stops where it is told to");
    }

    pub fn the_longest_key_is_kept(tables: &mut impl Tables) {
        let key = vec![0xAB; KEY_LEN_MAX];
        checkpoint(tables, 1, &[(1, &key, Some(b"v"))]).unwrap();
        assert_eq!(tables.get(1, &key).unwrap().as_deref(), Some(b"v".as_slice()));
        assert_eq!(keys(tables.scan(1, &key, 1).unwrap()), [key]);
    }
}
