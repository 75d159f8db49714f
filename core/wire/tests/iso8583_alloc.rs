//! Decoding allocates nothing, and neither does encoding into a buffer that is large enough: counted for every message of the vectors.
#[path = "iso8583/vectors.rs"]
mod vectors;

use allocation_counter::measure;
use symbolon_wire::iso8583::{Head, Places, Value};
use vectors::{bytes, dialect, file, rows, text};

#[test]
fn the_hot_path_allocates_nothing() {
    let file = file();
    let mut out = Vec::with_capacity(4096);
    let mut places = Places::new();
    let mut counted = 0;
    assert_ne!(measure(|| drop(std::hint::black_box(vec![1_u8; 10]))).count_total, 0, "the counter counts");
    for row in rows(&file) {
        let dialect = dialect(&file, text(row, "dialect"));
        let bytes = bytes(row);
        let mut good = false;
        let decoding = measure(|| good = dialect.decode(&bytes, &mut places).is_ok());
        assert_eq!(decoding.count_total, 0, "{}", row["id"]);
        assert_eq!(good, text(row, "kind") == "message", "{}", row["id"]);
        if !good {
            continue;
        }
        let message = dialect.decode(&bytes, &mut places).unwrap();
        let reading = measure(|| {
            assert!(message.fields().all(|field| field.chars().len() == field.chars().count()));
        });
        let plain: Vec<(u8, Vec<u8>)> = message
            .fields()
            .map(|field| {
                let mut value = Vec::new();
                field.append_to(&mut value);
                (field.number(), value)
            })
            .collect();
        let values: Vec<(u8, Value<'_>)> =
            plain.iter().map(|(number, value)| (*number, value.as_slice().into())).collect();
        let head = Head { mti: message.mti(), bitmaps_min: message.bitmaps() };
        out.clear();
        let encoding = measure(|| dialect.encode(head, &values, &mut out).unwrap());
        assert_eq!(out, bytes, "{}", row["id"]);
        out.clear();
        let change = [(
            39,
            Some(Value::Plain(
                if dialect
                    .spec(39)
                    .is_some_and(|spec| spec.length == symbolon_wire::iso8583::Length::Fixed(2))
                {
                    b"00"
                } else {
                    b"000"
                },
            )),
        )];
        let answering = measure(|| message.changed(message.mti(), &change, &mut out).unwrap());
        let totals = [reading, encoding, answering].map(|measured| measured.count_total);
        assert_eq!(totals, [0; 3], "{}", row["id"]);
        counted += 1;
    }
    assert_eq!(counted, 74);
}
