package change

import (
	"fmt"
	"io"
	"strings"
)

// maxComment is how long a Markdown text is at most, in bytes: GitHub takes 65,536 characters in a comment.
const maxComment = 60_000

// WriteMarkdown writes the document as a comment: what moves first, and the rest folded.
func (d *Document) WriteMarkdown(w io.Writer) error {
	e := d.Effect()
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- rollcall diff -->\n### Rollcall: %s\n", Escape(d.found()))
	e.WriteMarkdown(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the lines as a list and the folds behind their titles, as far as a comment has room.
func (e *Effect) WriteMarkdown(b *strings.Builder) {
	if len(e.Moves) > 0 {
		b.WriteString("\n**What moves**\n\n")
	}
	for i, line := range e.Moves {
		if i == maxShared {
			fmt.Fprintf(b, "- … and %d more\n", len(e.Moves)-i)
			break
		}
		fmt.Fprintf(b, "- %s\n", Escape(line))
	}
	for _, f := range e.Folds {
		text := f.Text
		if room := max(maxComment-b.Len(), 1_000); len(text) > room {
			text = cut(text, room)
		}
		fence := "```"
		for strings.Contains(text, fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n%stext\n%s\n%s\n\n</details>\n", Escape(f.Title), fence,
			strings.TrimSuffix(text, "\n"), fence)
	}
}

// Escape is a text on one line in which nothing is markup, a mention or a link.
//
// Source: GitHub Flavored Markdown 0.29 §6.1, backslash escapes; §6.11, HTML; an @ and a # are not among those that a
// backslash keeps from becoming a mention or a link to an issue, so a zero-width joiner follows them.
func Escape(text string) string { return escapes.Replace(text) }

var escapes = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|",
	"~", "\\~", "!", "\\!",
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "@", "@\u2060", "#", "#\u2060", "://", ":\u2060//", "www.", "www\u2060.",
	"\n", " ", "\r", " ")
