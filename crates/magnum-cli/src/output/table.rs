//! The one table: cliff's, with its rule below the header.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle, presets};

const CLIFF: TableStyle = presets::ASCII_FULL_CONDENSED.header_separator(LineStyle::new('+', '-', '+', '+'));

/// A table of these columns.
pub fn of(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(CLIFF)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns.to_vec());
    for row in rows {
        table.add_row(row);
    }
    // Cliff prints an empty line for an empty list.
    if table.is_empty() { String::new() } else { table.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_looks_like_cliffs() {
        let rows =
            [vec!["c1".to_owned(), "CREATE_COMPLETE".to_owned()], vec!["größer".to_owned(), String::new()]];
        let expected = "+--------+-----------------+\n| name   | status          |\n\
                        +--------+-----------------+\n| c1     | CREATE_COMPLETE |\n\
                        | größer |                 |\n+--------+-----------------+";
        assert_eq!(of(&["name", "status"], rows.into_iter()), expected);
        assert_eq!(of(&["name"], std::iter::empty()), "");
    }
}
