//! Which node images this installation made. The engine keeps images without saying for whom, so their names are noted
//! here, before they are made: one name a line.

use super::place::Place;
use anyhow::Result;

/// Name of the file in the folder.
pub const FILE: &str = "node-images";

/// The names.
///
/// # Errors
/// When the file cannot be read.
pub fn all(place: &Place) -> Result<Vec<String>> {
    let text = place.read(FILE)?.unwrap_or_default();
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Notes an image; false when it is noted already.
///
/// # Errors
/// When the file cannot be read or written.
pub fn note(place: &Place, image: &str) -> Result<bool> {
    let mut images = all(place)?;
    if images.iter().any(|known| known == image) {
        return Ok(false);
    }
    images.push(image.to_owned());
    write(place, &images)?;
    Ok(true)
}

/// Takes an image's note away, and the file with the last one.
///
/// # Errors
/// When the file cannot be read, written or removed.
pub fn strike(place: &Place, image: &str) -> Result<()> {
    let images: Vec<String> = all(place)?.into_iter().filter(|known| known != image).collect();
    if images.is_empty() { place.remove_file(FILE) } else { write(place, &images) }
}

fn write(place: &Place, images: &[String]) -> Result<()> {
    place.write(FILE, &images.iter().map(|image| format!("{image}\n")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_noted_once_and_the_last_note_takes_the_file_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::find(Some(directory.path().to_owned()), |_| None).unwrap();
        strike(&place, "one").unwrap();
        assert!(note(&place, "one").unwrap() && note(&place, "two").unwrap());
        assert!(!note(&place, "one").unwrap());
        assert_eq!(all(&place).unwrap(), ["one", "two"]);
        strike(&place, "one").unwrap();
        assert_eq!(all(&place).unwrap(), ["two"]);
        strike(&place, "two").unwrap();
        assert!(!place.path(FILE).exists());
    }
}
