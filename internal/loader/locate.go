package loader

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Locate fills in the range of every place in the findings, their related places included, that has none yet: the
// deepest part of the field that the document has, or the object's name where it has none below the first step. A place
// in a file that is no YAML, or that is not there, keeps none: the file as a whole. The files are read and parsed
// again, each once: keeping the nodes of a whole tree for the few that a finding points at would cost gigabytes.
func Locate(fsys fs.FS, findings []fleet.Finding) {
	l := locator{files: map[string]*located{}, text: func(name string) []byte {
		file, err := fsys.Open(name)
		if err != nil {
			return nil
		}
		defer file.Close()
		data, err := io.ReadAll(io.LimitReader(file, maxYAML))
		if err != nil {
			return nil
		}
		return decodeText(data)
	}}
	eachPlace(findings, l.fill)
}

// Locate is the function of that name, for findings in these contents. Where a place is found is known from the
// contents that these were made from, if its file is as it was.
func (c *Contents) Locate(findings []fleet.Finding) {
	l := locator{files: map[string]*located{}, text: func(name string) []byte {
		if f := c.tree.file(name); f != nil && !f.unread {
			return f.text()
		}
		return nil
	}}
	known := c.places
	c.places = map[string]fleet.Place{}
	eachPlace(findings, func(p *fleet.Place, field []any) {
		f := c.tree.files[p.File]
		if f == nil {
			l.fill(p, field)
			return
		}
		key := fmt.Sprintf("%s %s %d %d:%d %q %q", f.hash, p.File, p.Document, p.Line, p.Column, p.Field, field)
		at, ok := known[key]
		if !ok {
			at = *p
			l.fill(&at, field)
		}
		p.Line, p.Column, p.EndLine, p.EndColumn = at.Line, at.Column, at.EndLine, at.EndColumn
		c.places[key] = at
	})
}

func eachPlace(findings []fleet.Finding, do func(p *fleet.Place, field []any)) {
	for i := range findings {
		f := &findings[i]
		do(&f.Place, f.Field)
		for j := range f.Related {
			do(&f.Related[j].Place, f.Related[j].Field)
		}
	}
}

type locator struct {
	text  func(name string) []byte // nil for what cannot be read
	files map[string]*located
}

// located is a file, parsed for its positions.
type located struct {
	data  []byte
	lines [][]byte
	// roots are the documents, nil until one is asked for.
	roots map[int]*yaml.Node
	// text is the file as a whole by its settings; nil where it has none.
	text *yaml.Node
	// last is the line that was asked for last: many places may be on a line of megabytes.
	last measured
}

// measured is a line with where its characters begin.
type measured struct {
	number int
	text   string // without the line break
	starts []int  // the byte at which each character begins, and the end
	width  int    // in characters, without blanks at the end
}

// line is the line of that number, from 1; there must be one.
func (f *located) line(number int) *measured {
	if f.last.number != number {
		text := strings.TrimRight(string(f.lines[number-1]), "\r\n")
		f.last = measured{number: number, text: text, starts: make([]int, 0, len(text)+1),
			width: utf8.RuneCountInString(strings.TrimRight(text, " \t"))}
		for i := range text {
			f.last.starts = append(f.last.starts, i)
		}
		f.last.starts = append(f.last.starts, len(text))
	}
	return &f.last
}

// root is a document of a file that is YAML by its name, by what lists it, or by its content; nil where there is none.
func (f *located) root(document int, isYAML bool) *yaml.Node {
	if f.roots == nil && (isYAML || kubeconfigKind.Match(f.data)) {
		f.roots = map[int]*yaml.Node{}
		_ = eachNode(f.data, func(index int, root *yaml.Node) { f.roots[index] = root })
	}
	return f.roots[document]
}

func (l *locator) fill(p *fleet.Place, field []any) {
	if p.Line != 0 || p.File == "" {
		if p.Line != 0 && p.EndLine == 0 {
			p.EndLine, p.EndColumn = p.Line, p.Column
			if lines := l.file(p.File).lines; p.Line <= len(lines) {
				p.EndColumn = max(p.Column, 1+l.file(p.File).line(p.Line).width)
			}
		}
		return
	}
	f := l.file(p.File)
	root := f.root(p.Document, isYAMLName(p.File) || p.Document >= 0 && len(p.Field)+len(field) > 0)
	if root == nil {
		f.fillText(p, field)
		return
	}
	whole := slices.Concat(p.Field, field)
	n, depth := f.deepest(root, whole)
	// "spec" alone says nothing: a patch put it there, or it is not there at all
	if depth == 0 || depth == 1 && len(whole) > 1 {
		n = lookup(root, "metadata", "name")
	}
	if n == nil || n.Kind == yaml.MappingNode {
		n = root
		if root.Kind == yaml.MappingNode && len(root.Content) > 0 {
			n = root.Content[0]
		}
	}
	p.Line, p.Column = n.Line, n.Column
	p.EndLine, p.EndColumn = n.Line, f.end(n)
}

// fillText finds a value in a file that is no YAML: the line of KEY=value that the field names, else a private key.
func (f *located) fillText(p *fleet.Place, field []any) {
	line, found := 0, false
	if len(field) == 1 {
		key := fmt.Appendf(nil, "%v=", field[0])
		if i := slices.IndexFunc(f.lines, func(l []byte) bool { return bytes.HasPrefix(l, key) }); i >= 0 {
			line, found = i+1, true
		}
	}
	if n, depth := f.deepest(f.text, field); depth == len(field) && depth > 0 && n.Line > 0 {
		line, found = n.Line, true
	}
	if !found {
		line, _, found = secret.Telling(f.data)
	}
	if found && line <= len(f.lines) {
		p.Line, p.Column, p.EndLine = line, 1, line
		p.EndColumn = 1 + utf8.RuneCount(bytes.TrimRight(f.lines[line-1], " \t\r\n"))
	}
}

func (l *locator) file(name string) *located {
	if f := l.files[name]; f != nil {
		return f
	}
	f := &located{}
	l.files[name] = f
	data := l.text(name)
	if !utf8.Valid(data) {
		return f
	}
	f.data, f.lines = data, bytes.SplitAfter(data, []byte("\n"))
	f.text = secret.Text(data)
	return f
}

// deepest is the node to point at for a field: the value where it is a scalar, else its key, or the entry of a list;
// where the field is not there, the key of the deepest part that is, and how many steps of the field lead there.
func (f *located) deepest(root *yaml.Node, field []any) (show *yaml.Node, depth int) {
	at, show := root, root
	for i, step := range field {
		var key, value *yaml.Node
		switch at = resolve(at); step := step.(type) {
		case string:
			key, value = mappingEntry(at, step)
		case int:
			key, value = sequenceEntry(at, step)
		case int64:
			key, value = sequenceEntry(at, int(step))
		case float64:
			key, value = sequenceEntry(at, int(step))
		}
		if value == nil {
			return show, i
		}
		at, show = value, value
		if inner, n := f.embedded(value, field[i+1:]); inner != nil {
			return inner, i + 1 + n
		}
		if value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode ||
			value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 ||
			value.Value == "" && value.Kind == yaml.ScalarNode {
			show = key
		}
		if value.Kind == yaml.ScalarNode && value.Value != "" { // the rest of the field leads into the text
			return show, len(field)
		}
	}
	return show, len(field)
}

// embedded is deepest in a literal text that is YAML itself, and how many steps lead there; nil where the
// field does not lead into it.
func (f *located) embedded(n *yaml.Node, field []any) (show *yaml.Node, depth int) {
	if len(field) == 0 || n.Kind != yaml.ScalarNode || n.Style&yaml.LiteralStyle == 0 || n.Line >= len(f.lines) {
		return nil, 0
	}
	inner := &located{lines: bytes.SplitAfter([]byte(n.Value), []byte("\n"))}
	indent := 0
	if first := slices.IndexFunc(inner.lines, func(line []byte) bool {
		return len(bytes.TrimSpace(line)) > 0
	}); first >= 0 && n.Line+first < len(f.lines) {
		indent = leadingSpaces(f.lines[n.Line+first]) - leadingSpaces(inner.lines[first])
	}
	eachBounded([]byte(n.Value), func(_ int, root *yaml.Node) {
		if at, steps := inner.deepest(root, field); steps > depth {
			moved := *at
			moved.Line, moved.Column = at.Line+n.Line, at.Column+indent
			show, depth = &moved, steps
		}
	})
	return show, depth
}

func leadingSpaces(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " ")) }

// mappingEntry is an entry with its key, also one that a merge key brings. Of two with one name it is the later: it was
// added by hand, more often than not.
func mappingEntry(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	if key, value = ownEntry(n, name); value != nil {
		return key, value
	}
	for _, part := range secret.Merged(n) {
		if key, value = ownEntry(part, name); value != nil {
			return key, value
		}
	}
	return nil, nil
}

func ownEntry(n *yaml.Node, name string) (key, value *yaml.Node) {
	for i := len(n.Content) - 2; i >= 0; i -= 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// sequenceEntry is an item; in place of its key the first key in it, where it is a mapping.
func sequenceEntry(n *yaml.Node, i int) (key, value *yaml.Node) {
	if n == nil || n.Kind != yaml.SequenceNode || i < 0 || i >= len(n.Content) {
		return nil, nil
	}
	value = n.Content[i]
	key = value
	for key.Kind == yaml.MappingNode || key.Kind == yaml.SequenceNode {
		if len(key.Content) == 0 {
			break
		}
		key = key.Content[0]
	}
	return key, value
}

// end is the column after the node's text on its first line.
func (f *located) end(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(f.lines) {
		return n.Column
	}
	line := f.line(n.Line)
	if n.Column < 1 || n.Column > len(line.starts) {
		return n.Column
	}
	rest := line.text[line.starts[n.Column-1]:]
	length := max(0, line.width-n.Column+1)
	switch {
	case n.Kind == yaml.AliasNode:
		length = 1 + utf8.RuneCountInString(n.Value)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 && rest != "":
		if i := strings.IndexByte(rest[1:], rest[0]); i >= 0 {
			length = utf8.RuneCountInString(rest[:i+2])
		}
	case n.Kind == yaml.ScalarNode && n.Value != "" && strings.HasPrefix(rest, n.Value):
		length = utf8.RuneCountInString(n.Value)
	}
	return n.Column + length
}
