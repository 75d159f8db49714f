//! A message as pictures: what one screen shows and one camera sees. Each frame of `symbolon_wire::parts` is one QR symbol (ISO/IEC 18004),
//! alphanumeric mode, error correction M, in one PNG file `<name>.<index>-<count>.png`.
//!
//! ```text
//!   show: message ──parts──► texts ──► symbols ──► PNG files, each whole from the moment it has its name
//!   see:  PNG files ──► symbols ──► texts ──assembler──► message; looks again until it is whole or time is up
//! ```
//! **Invariant:** pictures are bounded in bytes and in pixels before they are read; a message is seen whole, with its checksum, or not at all.
use crate::{TransportError, clock::Deadline, lock};
use qrcode::{Color, EcLevel, QrCode, Version, bits::Bits};
use std::{
    fs,
    io::{BufWriter, Cursor, ErrorKind, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};
use symbolon_wire::parts::{Assembler, COUNT_MAX, PartsError, split};

/// The longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = COUNT_MAX * symbolon_wire::parts::PART_BYTES_MAX;

/// The longest side of a picture that is looked at, in pixels.
pub const SIDE_PIXELS_MAX: u32 = 4096;

/// The most bytes of a picture's file.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Pixels along the side of one module.
const MODULE_PIXELS: usize = 4;

/// Modules of quiet zone on each side (ISO/IEC 18004 §6.3.8).
const QUIET_MODULES: usize = 4;

/// Between two looks at the folder.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Shows `message` under `name` in the folder, in place of what was shown under that name; the files, in order.
///
/// # Errors
/// [`TransportError::Protocol`] for a name of other than 1 to 64 letters, digits, `-` and `_`; [`TransportError::Parts`] for a message longer
/// than [`MESSAGE_BYTES_MAX`]; [`TransportError::Io`].
pub fn show(dir: &Path, name: &str, message: &[u8]) -> Result<Vec<PathBuf>, TransportError> {
    let texts = split(message)?;
    hide(dir, name)?;
    let count = texts.len();
    (1..)
        .zip(&texts)
        .map(|(index, text)| write(dir, &format!("{name}.{index:02}-{count:02}.png"), text))
        .collect()
}

/// Takes away what is shown under `name`.
///
/// # Errors
/// As [`show`].
pub fn hide(dir: &Path, name: &str) -> Result<(), TransportError> {
    pictures(dir, name)?.iter().try_for_each(|picture| lock::remove(&picture.path))
}

/// Looks at what is shown under `name` until the message is whole. What is shown stays.
///
/// # Errors
/// [`TransportError::Timeout`] when frames are still missing; [`TransportError::Unreadable`] and [`TransportError::Parts`] when what is shown
/// at the end is refused; [`TransportError::Protocol`] for a bad name; [`TransportError::Io`].
pub fn see(dir: &Path, name: &str, timeout: Duration) -> Result<Vec<u8>, TransportError> {
    let deadline = Deadline::after(timeout);
    let (mut seen, mut failure) = (Vec::new(), TransportError::Timeout);
    loop {
        let shown = pictures(dir, name)?;
        if shown != seen {
            match assemble(&shown) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => failure = TransportError::Timeout,
                Err(error) => failure = error,
            }
            seen = shown;
        }
        if !deadline.pause(LOOK_AGAIN) {
            return Err(failure);
        }
    }
}

/// A file as it was when the folder was read; it is another one when any of this differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Picture {
    path: PathBuf,
    inode: u64,
    modified: (i64, i64),
}

fn pictures(dir: &Path, name: &str) -> Result<Vec<Picture>, TransportError> {
    let well_formed = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !well_formed || !(1..=64).contains(&name.len()) {
        return Err(TransportError::Protocol);
    }
    let prefix = format!("{name}.");
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let of_name = entry
            .file_name()
            .to_str()
            .is_some_and(|file| file.starts_with(&prefix) && file.ends_with(".png"));
        // Gone since the folder was read: it is being replaced.
        let Some(metadata) = of_name.then(|| entry.metadata().ok()).flatten() else {
            continue;
        };
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        found.push(Picture { path: entry.path(), inode: metadata.ino(), modified });
    }
    found.sort();
    Ok(found)
}

fn assemble(pictures: &[Picture]) -> Result<Option<Vec<u8>>, TransportError> {
    if pictures.len() > COUNT_MAX {
        return Err(PartsError::TooMany.into());
    }
    let mut assembler = Assembler::new();
    for picture in pictures {
        let Some(bytes) = bounded(&picture.path)? else {
            return Ok(None);
        };
        if let Some(message) = read_symbol(&bytes).and_then(|text| Ok(assembler.accept(&text)?))? {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// The file's bytes; `None` when it is gone.
fn bounded(path: &Path) -> Result<Option<Vec<u8>>, TransportError> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    let length = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        Ok(Some(bytes))
    } else {
        Err(TransportError::TooLong)
    }
}

/// Writes one picture; it has its name when it is whole.
fn write(dir: &Path, name: &str, text: &str) -> Result<PathBuf, TransportError> {
    let (path, fresh) = (dir.join(name), dir.join(format!("{name}~")));
    let mut file = BufWriter::new(fs::File::create(&fresh)?);
    file.write_all(&draw_symbol(text)?)?;
    file.flush()?;
    fs::rename(&fresh, &path)?;
    Ok(path)
}

/// The PNG of the smallest symbol that holds the text, which is of the alphanumeric set.
///
/// # Errors
/// [`TransportError::TooLong`] beyond version 40-M; [`TransportError::Protocol`] when the picture cannot be made.
pub fn draw_symbol(text: &str) -> Result<Vec<u8>, TransportError> {
    let symbol = (1..=40).find_map(|version| symbol(text, version)).ok_or(TransportError::TooLong)?;
    let (modules, colors) = (symbol.width(), symbol.to_colors());
    let side = (modules + 2 * QUIET_MODULES) * MODULE_PIXELS;
    let pixel = |at: usize| {
        let module =
            |pixels: usize| (pixels / MODULE_PIXELS).checked_sub(QUIET_MODULES).filter(|&at| at < modules);
        let color = module(at / side).zip(module(at % side)).and_then(|(y, x)| colors.get(y * modules + x));
        if color == Some(&Color::Dark) { 0 } else { 0xFF }
    };
    let pixels = (0..side * side).map(pixel).collect::<Vec<u8>>();
    png(side, &pixels).ok_or(TransportError::Protocol)
}

fn symbol(text: &str, version: i16) -> Option<QrCode> {
    let mut bits = Bits::new(Version::Normal(version));
    bits.push_alphanumeric_data(text.as_bytes()).ok()?;
    bits.push_terminator(EcLevel::M).ok()?;
    QrCode::with_bits(bits, EcLevel::M).ok()
}

/// A greyscale PNG, 8 bits a pixel.
fn png(side: usize, pixels: &[u8]) -> Option<Vec<u8>> {
    let side = u32::try_from(side).ok()?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

/// The text of the one symbol in a picture.
///
/// # Errors
/// [`TransportError::Unreadable`] when it is no PNG within the bounds, or has no readable symbol, or more than one.
pub fn read_symbol(picture: &[u8]) -> Result<String, TransportError> {
    let (width, height, grey) = greyscale(picture).ok_or(TransportError::Unreadable)?;
    let at = |x: usize, y: usize| grey.get(y * width + x).copied().unwrap_or(0xFF);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, at);
    match image.detect_grids().as_slice() {
        [grid] => grid.decode().map(|(_, text)| text).map_err(|_| TransportError::Unreadable),
        _ => Err(TransportError::Unreadable),
    }
}

/// Width, height and one byte a pixel, from any colour type: the mean of the colours; an alpha channel says nothing.
fn greyscale(picture: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let mut decoder = png::Decoder::new(Cursor::new(picture));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let info = reader.info();
    if info.width > SIDE_PIXELS_MAX || info.height > SIDE_PIXELS_MAX {
        return None;
    }
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut pixels).ok()?;
    let channels = frame.color_type.samples();
    let colors = if channels > 2 { 3 } else { 1 };
    let mean = |pixel: &[u8]| {
        let sum = pixel.iter().take(colors).map(|&sample| usize::from(sample)).sum::<usize>();
        u8::try_from(sum / colors).unwrap_or(0xFF)
    };
    let grey = pixels.get(..frame.buffer_size())?.chunks_exact(channels).map(mean).collect();
    Some((usize::try_from(frame.width).ok()?, usize::try_from(frame.height).ok()?, grey))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn message(length: usize) -> Vec<u8> {
        crate::entropy::seed()
            .unwrap()
            .reveal()
            .iter()
            .cycle()
            .enumerate()
            .take(length)
            .map(|(at, byte)| byte.wrapping_mul(17).wrapping_add(u8::try_from(at % 256).unwrap()))
            .collect()
    }

    const SOON: Duration = Duration::from_millis(50);

    #[test]
    fn messages_are_seen_as_they_were_shown() {
        let dir = tempfile::tempdir().unwrap();
        for (length, frames) in [(10, 1), (700, 2), (1500, 3), (3000, 5)] {
            let message = message(length);
            let files = show(dir.path(), "secure-object", &message).unwrap();
            assert_eq!(files.len(), frames);
            assert_eq!(see(dir.path(), "secure-object", Duration::from_secs(60)).unwrap(), message);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5, "the last message and nothing else");
        hide(dir.path(), "secure-object").unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_message_is_awaited_frame_by_frame() {
        let (dir, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let message = message(1000);
        let files = show(aside.path(), "m", &message).unwrap();
        let [first, second] = files.as_slice() else { panic!("two frames") };
        let into = |file: &Path| fs::rename(file, dir.path().join(file.file_name().unwrap())).unwrap();
        assert_eq!(see(dir.path(), "m", SOON), Err(TransportError::Timeout));
        into(second);
        assert_eq!(see(dir.path(), "m", SOON), Err(TransportError::Timeout), "one is missing");
        thread::scope(|scope| {
            let seeing = scope.spawn(|| see(dir.path(), "m", Duration::from_secs(60)));
            thread::sleep(SOON);
            into(first);
            assert_eq!(seeing.join().unwrap().unwrap(), message);
        });
    }

    #[test]
    fn what_was_shown_before_is_replaced_and_other_names_are_not_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        show(dir.path(), "a", &message(1500)).unwrap();
        show(dir.path(), "ab", b"another").unwrap();
        show(dir.path(), "a", b"short").unwrap();
        assert_eq!(see(dir.path(), "a", Duration::from_secs(60)).unwrap(), b"short");
        for name in ["", "a.b", "../a", "a/b", &"a".repeat(65)] {
            assert_eq!(show(dir.path(), name, b"x"), Err(TransportError::Protocol), "{name}");
        }
        let long = vec![0; MESSAGE_BYTES_MAX + 1];
        assert_eq!(show(dir.path(), "a", &long), Err(TransportError::Parts(PartsError::TooMany)));
    }

    #[test]
    fn a_damaged_frame_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = show(dir.path(), "m", &message(200)).unwrap().remove(0);
        assert!(see(dir.path(), "m", Duration::from_secs(60)).is_ok());
        let good = fs::read(&path).unwrap();
        let cut = &good[..good.len() / 2];
        let (width, _, mut grey) = greyscale(&good).unwrap();
        // A third of the picture is scratched out, far more than level M repairs.
        let third = grey.len() / 3;
        grey[third..2 * third].fill(0xFF);
        let scratched = png(width, &grey).unwrap();
        for bad in [cut, &scratched, &good[1..], b"no picture", b""] {
            fs::write(&path, bad).unwrap();
            assert_eq!(see(dir.path(), "m", SOON), Err(TransportError::Unreadable));
        }
        fs::write(&path, &good).unwrap();
        assert!(see(dir.path(), "m", Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn frames_that_do_not_belong_together_are_refused() {
        let (dir, aside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = show(dir.path(), "m", &message(700)).unwrap();
        let others = show(aside.path(), "m", &message(710)).unwrap();
        fs::rename(&others[1], &files[1]).unwrap();
        assert_eq!(see(dir.path(), "m", SOON), Err(TransportError::Parts(PartsError::OtherMessage)));
        fs::write(&files[1], draw_symbol("HTTP://EXAMPLE.COM").unwrap()).unwrap();
        assert_eq!(see(dir.path(), "m", SOON), Err(TransportError::Parts(PartsError::Malformed)));
    }

    #[test]
    fn the_symbol_is_alphanumeric_level_m_and_fits_version_20() {
        let text = &split(&message(630)).unwrap()[0];
        let picture = draw_symbol(text).unwrap();
        let (width, height, grey) = greyscale(&picture).unwrap();
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| grey[y * width + x]);
        let (meta, seen) = image.detect_grids()[0].decode().unwrap();
        assert_eq!(
            (&seen, meta.version.0, meta.ecc_level),
            (text, 20, 0),
            "rqrr numbers level M as its format bits 00"
        );
        let side = (97 + 2 * QUIET_MODULES) * MODULE_PIXELS;
        assert_eq!((width, height), (side, side));
        let quiet = grey.iter().enumerate().filter(|(at, _)| at % width < 16 || at / width < 16);
        assert!(quiet.into_iter().all(|(_, &pixel)| pixel == 0xFF));
    }

    #[test]
    fn pictures_beyond_their_bounds_are_not_read() {
        let side = usize::try_from(SIDE_PIXELS_MAX).unwrap() + 1;
        let mut bytes = Vec::new();
        let encoder = png::Encoder::new(&mut bytes, SIDE_PIXELS_MAX + 1, 1);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&vec![0; side]).unwrap();
        drop(writer);
        assert_eq!(read_symbol(&bytes), Err(TransportError::Unreadable));
        assert!(draw_symbol(&"A".repeat(3391)).is_ok(), "version 40-M holds 3391");
        assert_eq!(draw_symbol(&"A".repeat(3392)), Err(TransportError::TooLong));
    }
}
