package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// splice is a change of the text: what lies between two offsets, and what would.
type splice struct {
	from, to int
	with     string
}

func (s splice) in(data []byte) []byte {
	return slices.Concat(data[:s.from], []byte(s.with), data[s.to:])
}

// text is a file's text by lines.
type text struct {
	data  []byte
	lines [][]byte // with their breaks
	start []int    // offset of each line, and of the end
	eol   string
}

// breaks are the line breaks that the YAML library counts lines by.
var breaks = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

func newText(data []byte) text {
	t := text{data: data, eol: "\n", start: []int{0}}
	for _, at := range breaks.FindAllIndex(data, -1) {
		t.start = append(t.start, at[1])
	}
	if last := t.start[len(t.start)-1]; last < len(data) {
		t.start = append(t.start, len(data))
	}
	for i := range len(t.start) - 1 {
		t.lines = append(t.lines, data[t.start[i]:t.start[i+1]])
	}
	if len(t.lines) > 0 && bytes.HasSuffix(t.lines[0], []byte("\r\n")) {
		t.eol = "\r\n"
	}
	return t
}

// offset is that of a line and column, which count from 1; the column in characters, a byte order mark aside.
func (t text) offset(line, column int) (int, error) {
	if line < 1 || line > len(t.lines) {
		if line == len(t.lines)+1 && column == 1 {
			return len(t.data), nil
		}
		return 0, errNoPlace
	}
	at := t.start[line-1]
	if line == 1 && bytes.HasPrefix(t.data, []byte("\ufeff")) {
		at += len("\ufeff")
	}
	for range column - 1 {
		if at >= t.start[line] {
			return 0, errNoPlace
		}
		_, size := utf8.DecodeRune(t.data[at:])
		at += size
	}
	return at, nil
}

// at is where a node's value begins, after its anchor.
func (t text) at(n *yaml.Node) (int, error) {
	from, err := t.offset(n.Line, n.Column)
	if err == nil && n.Anchor != "" {
		rest := t.data[from:]
		trimmed := bytes.TrimLeft(bytes.TrimPrefix(rest, []byte("&"+n.Anchor)), " ")
		from += len(rest) - len(trimmed)
	}
	return from, err
}

// splices are the ways to make an edit, the best first.
func (t text) splices(p place, value any) ([]splice, error) {
	if err := check(p.rest); err != nil {
		return nil, err
	}
	switch {
	case p.into == nil && len(p.rest) == 0:
		return t.replace(p.value, value)
	case p.into == nil:
		return t.fill(p, value)
	case p.into.Style&yaml.FlowStyle == 0 && len(p.into.Content) > 0:
		return t.intoBlock(p.into, p.rest, value)
	case p.into.Kind == yaml.MappingNode:
		return t.intoFlowMapping(p.into, p.rest, value)
	}
	return t.intoFlowList(p.into, value)
}

// replace replaces a scalar and keeps its quotes.
func (t text) replace(n *yaml.Node, value any) ([]splice, error) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return nil, errors.New("more than one value stands there")
	case strings.Contains(n.Value, "${") || strings.Contains(n.Value, "{{"):
		return nil, errors.New("a variable stands there")
	case n.Style&yaml.TaggedStyle != 0:
		return nil, errors.New("a value with a tag (!) stands there")
	}
	from, err := t.at(n)
	if err != nil {
		return nil, err
	}
	to, err := t.end(n)
	if err != nil {
		return nil, err
	}
	with, err := scalar(value, n.Style)
	if from == to { // nothing stands after the colon or the dash
		with = " " + with
	}
	return []splice{{from, to, with}}, err
}

// end is where a node ends that is a scalar on one line, an alias, or in flow style.
func (t text) end(n *yaml.Node) (int, error) {
	at, err := t.at(n)
	if err != nil {
		return 0, err
	}
	rest := t.data[at:]
	length := -1
	switch {
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		return t.endOfFlow(n, at)
	case n.Kind == yaml.AliasNode:
		length = len("*" + n.Value)
	case n.Style&yaml.DoubleQuotedStyle != 0:
		length = len(doubleQuoted.Find(rest))
	case n.Style&yaml.SingleQuotedStyle != 0:
		length = len(singleQuoted.Find(rest))
	case n.Value == "" || bytes.HasPrefix(rest, []byte(n.Value)):
		length = len(n.Value)
	}
	if length < 0 || length == 0 &&
		n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return 0, errors.New("text on several lines stands there")
	}
	return at + length, nil
}

var (
	doubleQuoted = regexp.MustCompile(`^"(?:[^"\\\r\n]|\\[^\r\n])*"`)
	singleQuoted = regexp.MustCompile(`^'(?:[^'\r\n]|'')*'`)
	// betweenFlow is what may stand between the last entry and the closing bracket.
	betweenFlow = regexp.MustCompile(`^(?:[\s,]|#[^\r\n]*)*`)
)

func (t text) endOfFlow(n *yaml.Node, at int) (int, error) {
	if at >= len(t.data) || t.data[at] != '{' && t.data[at] != '[' {
		return 0, errNoPlace
	}
	at++
	if len(n.Content) > 0 {
		var err error
		if at, err = t.end(n.Content[len(n.Content)-1]); err != nil {
			return 0, err
		}
	}
	at += len(betweenFlow.Find(t.data[at:]))
	if at >= len(t.data) || t.data[at] != '}' && t.data[at] != ']' {
		return 0, errNoPlace
	}
	return at + 1, nil
}

// fill puts what is not there yet below a key that has no value.
func (t text) fill(p place, value any) ([]splice, error) {
	if p.key == nil || p.value.Value != "" {
		return nil, errors.New("null stands there")
	}
	lines, err := blockEntry(p.rest, value, 0)
	if err != nil {
		return nil, err
	}
	return []splice{t.insert(p.key.Line, p.key.Column+1, lines)}, nil
}

// intoBlock adds an entry after the last one of a mapping or list in block style: after its last line, or else after
// the blank lines and comments that follow, which may be a part of it if it is a block of text.
func (t text) intoBlock(n *yaml.Node, rest []any, value any) ([]splice, error) {
	first, last := n.Content[0], n.Content[len(n.Content)-1]
	column, style := first.Column, yaml.Style(0)
	if n.Kind == yaml.SequenceNode {
		style = last.Style
		if column = n.Column; n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 { // then the column is the anchor's
			if first.Line > len(t.lines) {
				return nil, errNoPlace
			}
			column = 1 + indentation(t.lines[first.Line-1])
		}
	} else {
		last = n.Content[len(n.Content)-2]
	}
	lines, err := blockEntry(rest, value, style)
	if err != nil {
		return nil, err
	}
	end, after := t.blockEnd(last.Line, column, n.Kind == yaml.MappingNode)
	return []splice{t.insert(end, column-1, lines), t.insert(after, column-1, lines)}, nil
}

// blockEnd counts the lines up to the end of the entry that begins on a line, without and with the blank lines and
// comments that follow. The column is that of the entry's mapping or list.
func (t text) blockEnd(line, column int, mapping bool) (end, after int) {
	end = min(line, len(t.lines))
	for after = end; after < len(t.lines); after++ {
		content := bytes.TrimSpace(t.lines[after])
		if len(content) == 0 || content[0] == '#' {
			continue
		}
		indent := indentation(t.lines[after])
		// A list may stand as far left as the key that it belongs to.
		inList := mapping && (bytes.HasPrefix(content, []byte("- ")) || string(content) == "-")
		if indent < column-1 || indent == column-1 && !inList {
			break
		}
		end = after + 1
	}
	return end, after
}

func indentation(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " ")) }

// insert adds lines after the first n ones.
func (t text) insert(n, indent int, lines []string) splice {
	n = min(n, len(t.lines))
	block := strings.Repeat(" ", indent) + strings.Join(lines, t.eol+strings.Repeat(" ", indent))
	if n > 0 && !breaks.Match(t.lines[n-1]) { // the file ends without a line break, and still does
		return splice{t.start[n], t.start[n], t.eol + block}
	}
	return splice{t.start[n], t.start[n], block + t.eol}
}

// intoFlowMapping adds an entry before the first one, whose place is known, as the end is not.
func (t text) intoFlowMapping(n *yaml.Node, rest []any, value any) ([]splice, error) {
	if len(n.Content) == 0 {
		with, err := flowEntry(rest, value, 0, 0)
		return t.intoEmpty(n, with, err)
	}
	key := n.Content[0]
	with, err := flowEntry(rest, value, key.Style, key.Style&yaml.DoubleQuotedStyle)
	if err != nil {
		return nil, err
	}
	at, err := t.offset(key.Line, key.Column)
	if err != nil {
		return nil, err
	}
	return []splice{{at, at, with + "," + t.gap(key, at)}}, nil
}

// intoFlowList adds an entry after the last one.
func (t text) intoFlowList(n *yaml.Node, value any) ([]splice, error) {
	if len(n.Content) == 0 {
		with, err := scalar(value, 0)
		return t.intoEmpty(n, with, err)
	}
	last := n.Content[len(n.Content)-1]
	with, err := scalar(value, last.Style)
	if err != nil {
		return nil, err
	}
	from, err := t.offset(last.Line, last.Column)
	if err != nil {
		return nil, err
	}
	at, err := t.end(last)
	return []splice{{at, at, "," + t.gap(last, from) + with}}, err
}

func (t text) intoEmpty(n *yaml.Node, with string, err error) ([]splice, error) {
	if err != nil {
		return nil, err
	}
	at, err := t.at(n)
	return []splice{{at + 1, at + 1, with}}, err
}

// gap is what stands between two entries in flow style: a line break where the one at the offset has a line of its own.
func (t text) gap(n *yaml.Node, at int) string {
	if before := t.data[t.start[n.Line-1]:at]; len(bytes.TrimSpace(before)) == 0 {
		return t.eol + string(before)
	}
	return " "
}

// blockEntry is what is not there yet, as lines.
func blockEntry(rest []any, value any, style yaml.Style) ([]string, error) {
	with, err := scalar(value, style)
	if err != nil {
		return nil, err
	}
	var lines []string
	for i, step := range rest {
		line := appendStep + " " + with
		if step != appendStep {
			key, err := scalar(step, 0)
			if err != nil {
				return nil, err
			}
			if line = key + ":"; i == len(rest)-1 {
				line += " " + with
			}
		}
		lines = append(lines, strings.Repeat("  ", i)+line)
	}
	return lines, nil
}

// flowEntry is the same in flow style.
func flowEntry(rest []any, value any, keyStyle, style yaml.Style) (string, error) {
	key, err := scalar(rest[0], keyStyle)
	if err != nil {
		return "", err
	}
	with, err := scalar(value, style)
	if err == nil && len(rest) > 1 && rest[1] == appendStep {
		with = "[" + with + "]"
	} else if err == nil && len(rest) > 1 {
		with, err = flowEntry(rest[1:], value, keyStyle, style)
		with = "{" + with + "}"
	}
	return key + ": " + with, err
}

// scalar writes a value, with the quotes of a style where it is text that may have them.
func scalar(value any, style yaml.Style) (string, error) {
	text, ok := value.(string)
	if !ok {
		return fmt.Sprint(value), nil
	}
	if style&yaml.DoubleQuotedStyle != 0 || strings.ContainsAny(text, "\r\n\u0085\u2028\u2029") {
		var b bytes.Buffer
		enc := json.NewEncoder(&b) // what JSON writes is right in YAML too
		enc.SetEscapeHTML(false)
		err := enc.Encode(text)
		return strings.TrimSuffix(b.String(), "\n"), err
	}
	// The library quotes what any reader could take for something else; in a list in flow style, in any place.
	var entry yaml.Node
	if err := entry.Encode(text); err != nil {
		return "", errNotWritable
	}
	if entry.Style == 0 {
		entry.Style = style & yaml.SingleQuotedStyle
	}
	node := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{&entry}}
	out, err := yaml.Marshal(&node)
	if err != nil {
		return "", errNotWritable
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(out), "["), "]\n"), nil
}

var errNotWritable = errors.New("the value cannot be written as YAML")
