package loader

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// variablePattern finds where a variable's value is asked for, as its first group; "$${" asks for none.
func variablePattern(name string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|[^$])(?:\$\$)*(\$\{#?` + name + `\b)`)
}

// variableSearch looks for the places of variables that have no value, in the files of a build.
type variableSearch struct {
	tree  *tree
	build *build
	// roots are the documents of the files that were looked at.
	roots   map[string]map[int]*yaml.Node
	pattern *regexp.Regexp
}

// addUndefined adds a variable at the place that has it: in the object's own document, in what a generator made its text of, or
// in a patch. Of several objects that have it from one patch, and of those that have it from elsewhere, it is added once.
func (r *rendering) addUndefined(s *variableSearch, name string, object built) {
	s.pattern = variablePattern(name)
	v := s.variable(object)
	v.Name = name
	known := func(o fleet.UndefinedVariable) bool {
		return o.Name == v.Name && o.Origin.File == v.Origin.File && o.Origin.Document == v.Origin.Document && o.Line == v.Line &&
			slices.Equal(o.Origin.Field, v.Origin.Field) && slices.Equal(o.Field, v.Field)
	}
	if !slices.ContainsFunc(r.Undefined, known) {
		r.Undefined = append(r.Undefined, v)
	}
}

// variable is the place where an object has the variable; none where no file of its build does.
func (s *variableSearch) variable(object built) fleet.UndefinedVariable {
	field := fieldWith(object.object, s.pattern)
	f := s.tree.file(object.origin.File)
	if f != nil {
		if v, ok := s.inDocument(f, object.origin, field); ok {
			return v
		}
		if v, ok := s.inGenerator(f, object.origin.Field, field); ok {
			return v
		}
	}
	for _, name := range s.build.patches() {
		if line, column := s.in(s.tree.file(name).text(), 0); line > 0 {
			return fleet.UndefinedVariable{Origin: fleet.Origin{File: name}, Line: line, Column: column}
		}
	}
	if f != nil && s.pattern.Match(f.text()) {
		return fleet.UndefinedVariable{Origin: object.origin, Field: field}
	}
	return fleet.UndefinedVariable{}
}

// inDocument looks where the field leads to in the object's own document: its text is there as it is in the file.
func (s *variableSearch) inDocument(f *file, origin fleet.Origin, field []any) (v fleet.UndefinedVariable, ok bool) {
	at := s.documents(f)[origin.Document]
	var key *yaml.Node
	for _, step := range slices.Concat(origin.Field, field) {
		switch at = resolve(at); step := step.(type) {
		case string:
			key, at = mappingEntry(at, step)
		case int:
			key, at = sequenceEntry(at, step)
		}
	}
	at = resolve(at)
	if at == nil || key == nil || !s.pattern.MatchString(at.Value) && !s.pattern.MatchString(key.Value) {
		return v, false
	}
	v = fleet.UndefinedVariable{Origin: origin, Field: field}
	v.Line, v.Column = s.in(f.text(), offset(f.text(), min(at.Line, key.Line)))
	return v, true
}

// inGenerator looks in what a generator of a kustomization file makes the object's text of. Of a secretGenerator nothing is
// substituted: it writes base64.
func (s *variableSearch) inGenerator(f *file, origin, field []any) (v fleet.UndefinedVariable, ok bool) {
	if len(origin) != 2 || len(field) != 2 {
		return v, false
	}
	list, isName := origin[0].(string)
	index, isIndex := origin[1].(int)
	name, isKey := field[1].(string)
	if !isName || !isIndex || !isKey {
		return v, false
	}
	_, generator := mappingEntry(s.documents(f)[0], list)
	_, entry := sequenceEntry(resolve(generator), index)
	for _, list := range []string{"literals", "files", "envs", "env"} {
		_, sources := mappingEntry(resolve(entry), list)
		if sources = resolve(sources); sources == nil {
			continue
		}
		all := sources.Content
		if sources.Kind == yaml.ScalarNode {
			all = []*yaml.Node{sources}
		}
		for i, source := range all {
			at := slices.Concat(origin, []any{list, i})
			key, file, named := strings.Cut(source.Value, "=")
			if list == "files" && !named {
				key, file = path.Base(source.Value), source.Value
			}
			switch {
			case list == "literals" && key == name:
				return fleet.UndefinedVariable{Origin: fleet.Origin{File: f.path}, Field: at}, true
			case list == "files" && key == name:
				v, ok = s.inSource(f, file, "", at)
			case list == "envs" || list == "env":
				v, ok = s.inSource(f, source.Value, name+"=", at)
			}
			if ok {
				return v, true
			}
		}
	}
	return v, false
}

// inSource looks in a file that a generator reads, after a key where one is given. A line that may hold a secret is not
// pointed at, but the entry that names the file.
func (s *variableSearch) inSource(f *file, name, key string, at []any) (fleet.UndefinedVariable, bool) {
	name = path.Join(path.Dir(f.path), name)
	source := s.tree.file(name)
	if source == nil || source.unread {
		return fleet.UndefinedVariable{}, false
	}
	text := source.text()
	start := 0
	if key != "" {
		if start = bytes.Index(append([]byte("\n"), text...), []byte("\n"+key)); start < 0 {
			return fleet.UndefinedVariable{}, false
		}
	}
	line, column := s.in(text, start)
	if line == 0 {
		return fleet.UndefinedVariable{}, false
	}
	shown, _, _ := bytes.Cut(text[offset(text, line):], []byte("\n"))
	if redacted := secret.Redact(map[string]any{"line": string(shown)}); redacted["line"] != string(shown) {
		return fleet.UndefinedVariable{Origin: fleet.Origin{File: f.path}, Field: at}, true
	}
	return fleet.UndefinedVariable{Origin: fleet.Origin{File: name}, Line: line, Column: column}, true
}

// documents are the roots of a file's documents.
func (s *variableSearch) documents(f *file) map[int]*yaml.Node {
	if s.roots[f.path] == nil {
		s.roots[f.path] = map[int]*yaml.Node{}
		_ = eachNode(f.text(), func(index int, root *yaml.Node) { s.roots[f.path][index] = root })
	}
	return s.roots[f.path]
}

// in is the line and the column of the variable's first place in a text, from an offset on; 0 where there is none. They count
// from 1, columns in characters.
func (s *variableSearch) in(text []byte, start int) (line, column int) {
	m := s.pattern.FindSubmatchIndex(text[start:])
	if m == nil {
		return 0, 0
	}
	before := text[:start+m[2]]
	return 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// offset is where a line begins in a text.
func offset(text []byte, line int) int {
	at := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return at
}

// patches are the files of a build that may bring text into other files' objects: kustomization files, and what they name
// beside resources.
func (b *build) patches() []string {
	return slices.DeleteFunc(slices.Clone(b.files), func(name string) bool { return !isKustomizeName(name) && !b.plain[name] })
}
