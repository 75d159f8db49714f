//! A [`Disk`] in memory, so that what a machine costs can be measured without one.
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use symbolon_log::{Disk, DiskError};

/// A file's bytes.
pub type MemoryFile = Rc<RefCell<Vec<u8>>>;

/// A flat folder of files in memory.
#[derive(Default)]
pub struct MemoryDisk(RefCell<BTreeMap<String, MemoryFile>>);

fn place(offset: u64) -> Result<usize, DiskError> {
    usize::try_from(offset).map_err(|_| DiskError::Full)
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn lock(&mut self) -> Result<(), DiskError> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.0.borrow().keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<MemoryFile, DiskError> {
        self.0.borrow().get(name).cloned().ok_or(DiskError::Absent)
    }

    fn create(&self, name: &str) -> Result<MemoryFile, DiskError> {
        let file = MemoryFile::default();
        self.0.borrow_mut().insert(name.to_owned(), Rc::clone(&file));
        Ok(file)
    }

    fn len(&self, file: &MemoryFile) -> Result<u64, DiskError> {
        Ok(file.borrow().len() as u64)
    }

    fn read(&self, file: &MemoryFile, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let file = file.borrow();
        let rest = file.get(place(offset)?..).unwrap_or_default();
        into.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(rest.len().min(into.len()))
    }

    fn write_at(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut file = file.borrow_mut();
        let start = place(offset)?;
        let end = start.checked_add(bytes.len()).ok_or(DiskError::Full)?;
        if file.len() < end {
            file.resize(end, 0);
        }
        file.get_mut(start..end).ok_or(DiskError::Full)?.copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self, _: &MemoryFile) -> Result<(), DiskError> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut files = self.0.borrow_mut();
        let file = files.remove(from).ok_or(DiskError::Absent)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().remove(name).map(|_| ()).ok_or(DiskError::Absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_log::{Log, Options};

    #[test]
    fn a_log_on_it_reads_back_what_was_appended() {
        let options = Options { segment_bytes: 8192, ..Options::default() };
        let (mut log, _) = Log::open(MemoryDisk::default(), options).unwrap();
        for n in 0..300u64 {
            log.append(n, &[&n.to_be_bytes(), &[7; 50]]).unwrap();
        }
        let read: Vec<Vec<u8>> = log
            .read_from(1)
            .unwrap()
            .flat_map(|batch| batch.unwrap().records().map(|(_, record)| record.to_vec()).collect::<Vec<_>>())
            .collect();
        assert_eq!(read.len(), 600, "over several segments");
        assert_eq!(read[598], 299u64.to_be_bytes());
        assert_eq!(read[599], [7; 50]);
    }
}
