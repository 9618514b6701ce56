package lsp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Position encodings: what a character counts.
const (
	utf16 = "utf-16" // the default, code units
	utf32 = "utf-32" // code points, as findings count
)

// severities are the protocol's.
var severities = map[fleet.Severity]int{fleet.Error: 1, fleet.Warning: 2, fleet.Info: 3}

// filesOf are the trees' files that have diagnostics, by URI.
func (s *Server) filesOf(trees []Tree, documents map[string]document) map[string]file {
	files := map[string]file{}
	for _, t := range trees {
		d := converter{Tree: t, encoding: s.encoding, documents: documents, lines: map[string][][]byte{}}
		for _, finding := range t.Findings {
			uri := d.uri(finding.Place.File)
			f := files[uri]
			if len(finding.Edits) > 0 {
				if f.fixes == nil {
					f.fixes = map[int]fix{}
				}
				f.fixes[len(f.diagnostics)] = fix{t.Root, finding.Identity, titleOf(finding)}
			}
			f.diagnostics = append(f.diagnostics, d.diagnostic(finding))
			files[uri] = f
		}
	}
	for uri, f := range files {
		sent, err := json.Marshal(f.diagnostics)
		if err != nil { // texts and numbers only
			panic(err)
		}
		f.sent = string(sent)
		files[uri] = f
	}
	return files
}

// titleOf says what fixing a finding does: the value that it sets, where that is all.
func titleOf(f fleet.Finding) string {
	if len(f.Edits) != 1 {
		return cmp.Or(f.Fix, f.Message)
	}
	name := ""
	for _, step := range f.Edits[0].Path() {
		if text, ok := step.(string); ok {
			name = text
		} else {
			name += fmt.Sprintf("[%v]", step)
		}
	}
	value, err := json.Marshal(f.Edits[0].Value)
	if err != nil { // it came from JSON
		panic(err)
	}
	return fmt.Sprintf("Set %s to %s", name, value)
}

// converter makes diagnostics of the findings of one tree.
type converter struct {
	Tree
	encoding  string
	documents map[string]document
	lines     map[string][][]byte // by file, as far as they were needed
}

func (d *converter) diagnostic(f fleet.Finding) diagnostic {
	out := diagnostic{Range: d.span(f.Place), Severity: severities[f.Severity], Code: f.Rule, Source: "rollcall",
		Message: f.WithFix()}
	if doc := d.Doc(f.Rule); doc != "" {
		out.CodeDescription = &codeDescription{doc}
	}
	for _, other := range f.Related {
		out.RelatedInformation = append(out.RelatedInformation,
			related{location{d.uri(other.Place.File), d.span(other.Place)}, other.Message})
	}
	return out
}

// uri is what the editor calls a file.
func (d *converter) uri(name string) string {
	path := filepath.Join(d.Root, filepath.FromSlash(name))
	if name == "" {
		path = d.Config
	}
	if document, open := d.documents[path]; open {
		return document.uri
	}
	return uriOf(path)
}

// span is a place's range; the beginning of the file where no line is known.
func (d *converter) span(p fleet.Place) span {
	if p.Line == 0 {
		return span{}
	}
	start := position{p.Line - 1, d.character(p.File, p.Line, p.Column)}
	if p.EndLine == 0 {
		return span{start, start}
	}
	return span{start, position{p.EndLine - 1, d.character(p.File, p.EndLine, p.EndColumn)}}
}

// character is a column, which counts code points from 1, as the editor counts.
func (d *converter) character(name string, line, column int) int {
	character := max(column-1, 0)
	if d.encoding == utf32 {
		return character
	}
	lines, known := d.lines[name]
	if !known {
		lines = bytes.Split(d.Text(name), []byte("\n"))
		d.lines[name] = lines
	}
	if line > len(lines) {
		return character
	}
	before := 0
	for range character {
		_, size := utf8.DecodeRune(lines[line-1][before:])
		before += size
	}
	return units(lines[line-1][:before], d.encoding)
}

// units is how many characters a text has, as the editor counts.
func units(text []byte, encoding string) int {
	n := utf8.RuneCount(text)
	if encoding == utf16 {
		for _, r := range string(text) {
			if r > 0xffff {
				n++
			}
		}
	}
	return n
}

// pathOf is the absolute path of a document, without symbolic links; false for one that is in no file system.
func pathOf(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" {
		return "", false
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/")
	}
	path = filepath.Clean(filepath.FromSlash(path))
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved, true
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil { // it is not saved yet
		return filepath.Join(dir, filepath.Base(path)), true
	}
	return path, true
}

func uriOf(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
