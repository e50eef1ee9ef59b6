//! A page, written as one text that needs no other.
//!
//! **Invariant:** whatever others chose becomes text and nothing else; nothing in a page runs or is fetched.

use std::fmt::Write as _;

/// How a page looks.
const STYLE: &str = include_str!("style.css");
/// What a page may do: have its own styles, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(super) struct ReportPage {
    body: String,
}

impl ReportPage {
    /// A line in an element; `tag` is ours.
    pub(super) fn element(&mut self, tag: &str, text: &str) {
        let _ = writeln!(self.body, "<{tag}>{}</{tag}>", escaped(text));
    }

    /// A paragraph beside what matters.
    pub(super) fn aside(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p class=\"faint\">{}</p>", escaped(text));
    }

    /// What is typed, or a file, as it is.
    pub(super) fn file(&mut self, text: &str) {
        let _ = writeln!(self.body, "<pre>{}</pre>", escaped(text));
    }

    /// A command, in as many lines as it needs.
    pub(super) fn command(&mut self, text: &str) {
        let _ = writeln!(self.body, "<pre class=\"command\">{}</pre>", escaped(text));
    }

    /// A picture below what it shows. The picture and its legend are ours.
    pub(super) fn figure(&mut self, picture: &str, caption: &str, legend: &str) {
        let _ = writeln!(
            self.body,
            "<figure>\n<figcaption>{}</figcaption>\n{picture}{legend}</figure>",
            escaped(caption)
        );
    }

    /// Pictures side by side.
    pub(super) fn plots(&mut self, class: &str, within: Self) {
        let _ = writeln!(self.body, "<div class=\"{class}\">\n{}</div>", within.body);
    }

    /// Rows below their heads.
    pub(super) fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.body.push_str("<div class=\"scroll\"><table>\n<thead>");
        self.body.push_str(&row_of("th", heads.iter().copied()));
        self.body.push_str("</thead>\n<tbody>\n");
        for row in rows {
            self.body.push_str(&row_of("td", row.iter().map(String::as_str)));
        }
        self.body.push_str("</tbody></table></div>\n");
    }

    /// What is shown once it is wanted.
    pub(super) fn details(&mut self, what: &str, within: Self) {
        let _ =
            writeln!(self.body, "<details><summary>{}</summary>\n{}</details>", escaped(what), within.body);
    }

    /// The whole page.
    pub(super) fn whole(self, title: &str) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
            escaped(title),
            self.body,
        )
    }
}

fn row_of<'a>(tag: &str, cells: impl Iterator<Item = &'a str>) -> String {
    let cells = cells.map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
    format!("<tr>{}</tr>\n", cells.collect::<String>())
}

/// A text as a page shows it, in an element or in quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(letter),
            // No page may have them, and some turn what stands behind them around.
            letter if letter.is_control() || is_turning(letter) => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Whether a letter says in which direction others are read.
fn is_turning(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_chose_becomes_text() {
        assert_eq!(
            escaped("<script>alert('a & \"b\"')</script>\u{0}\u{202e}\n"),
            "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;\u{fffd}\u{fffd}\n"
        );
        let mut page = ReportPage::default();
        let evil = "</title><img src=x onerror=y>";
        page.element("h1", evil);
        page.aside(evil);
        page.file(evil);
        page.command(evil);
        page.figure("", evil, "");
        page.table(&[evil], [vec![evil.to_owned()]]);
        let mut within = ReportPage::default();
        within.element("p", evil);
        page.details(evil, within);
        let whole = page.whole(evil);
        assert!(!whole.contains("<img"), "{whole}");
        assert_eq!(whole.matches("&lt;img").count(), 10, "{whole}");
    }

    #[test]
    fn a_page_fetches_nothing() {
        let whole = ReportPage::default().whole("none");
        for word in ["http:", "https:", "url(", "@import", "<script", "<link", "src="] {
            assert!(!whole.contains(word), "{word}");
        }
        assert!(whole.contains("prefers-color-scheme: dark"));
    }
}
