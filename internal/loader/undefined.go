package loader

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// askedFor is where a text asks for a variable's value, as an offset; -1 where it does not. "$${" asks for none.
func askedFor(text, name string) int {
	for from := 0; ; {
		at := strings.Index(text[from:], "${")
		if at < 0 {
			return -1
		}
		at += from
		from = at + len("${")
		rest, ok := strings.CutPrefix(strings.TrimPrefix(text[from:], "#"), name)
		dollars := at - len(strings.TrimRight(text[:at], "$"))
		if ok && dollars%2 == 0 && (rest == "" || !isWord(rest[0])) {
			return at
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// addUndefined adds a variable at the place that has it: in the object's own document, in what a generator made
// its text of, or in a patch. Of several objects that have it from one patch, and of those that have it from
// elsewhere, it is added once.
func (r *rendering) addUndefined(x *textIndex, vars *variables, name string, object built) {
	v := x.undefinedIn(object, name)
	v.Name, v.Near, v.Doubtful = name, vars.near(name), vars.open || vars.optional
	key := fmt.Sprintf("%s %q %d %q %d %q", v.Name, v.Origin.File, v.Origin.Document, v.Origin.Field, v.Line, v.Field)
	if !x.undefined[key] {
		x.undefined[key] = true
		r.Undefined = append(r.Undefined, v)
	}
}

// undefinedIn is the place where an object has the variable, without a file where that is in the spec of the Flux
// Kustomization; none where neither that nor a file of its build has it.
func (x *textIndex) undefinedIn(object built, name string) fleet.UndefinedVariable {
	field := fieldWith(object.object, name)
	f := x.file(object.origin.File)
	if v, ok := f.inDocument(name, object.origin, field); ok {
		return v
	}
	if v, ok := x.inGenerator(f, name, object.origin.Field, field); ok {
		return v
	}
	for _, file := range x.patching {
		if line, column := lineOf(x.file(file).text, name, 0); line > 0 {
			return fleet.UndefinedVariable{Origin: fleet.Origin{File: file}, Line: line, Column: column}
		}
	}
	if askedFor(f.text, name) >= 0 {
		return fleet.UndefinedVariable{Origin: object.origin, Field: field}
	}
	for i, patch := range x.patches {
		if askedFor(patch, name) >= 0 {
			return fleet.UndefinedVariable{Field: []any{"spec", "patches", i, "patch"}}
		}
	}
	return fleet.UndefinedVariable{}
}

// inDocument looks where the field leads to in the object's own document: its text is there as it is in the file.
func (f *writtenFile) inDocument(name string, origin fleet.Origin, field []any) (v fleet.UndefinedVariable, ok bool) {
	at := f.documents()[origin.Document]
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
	if at == nil || key == nil || askedFor(at.Value, name) < 0 && askedFor(key.Value, name) < 0 {
		return v, false
	}
	v = fleet.UndefinedVariable{Origin: origin, Field: field}
	v.Line, v.Column = lineOf(f.text, name, offset(f.text, min(at.Line, key.Line)))
	return v, true
}

// inGenerator looks in what a generator of a kustomization file makes the object's text of. Of a secretGenerator
// nothing is substituted: it writes base64.
func (x *textIndex) inGenerator(f *writtenFile, variable string, origin, field []any) (v fleet.UndefinedVariable,
	ok bool) {
	if len(origin) != 2 || len(field) != 2 {
		return v, false
	}
	list, isName := origin[0].(string)
	index, isIndex := origin[1].(int)
	name, isKey := field[1].(string)
	if !isName || !isIndex || !isKey {
		return v, false
	}
	_, generator := mappingEntry(f.documents()[0], list)
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
				v, ok = x.inSource(f, variable, file, "", at)
			case list == "envs" || list == "env":
				v, ok = x.inSource(f, variable, source.Value, name+"=", at)
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
func (x *textIndex) inSource(f *writtenFile, variable, name, key string, at []any) (fleet.UndefinedVariable, bool) {
	source := x.file(path.Join(path.Dir(f.path), name))
	start := 0
	if key != "" {
		if start = strings.Index("\n"+source.text, "\n"+key); start < 0 {
			return fleet.UndefinedVariable{}, false
		}
	}
	line, column := lineOf(source.text, variable, start)
	if line == 0 {
		return fleet.UndefinedVariable{}, false
	}
	shown, _, _ := strings.Cut(source.text[offset(source.text, line):], "\n")
	if redacted := secret.Redact(map[string]any{"line": shown}); redacted["line"] != shown {
		return fleet.UndefinedVariable{Origin: fleet.Origin{File: f.path}, Field: at}, true
	}
	return fleet.UndefinedVariable{Origin: fleet.Origin{File: source.path}, Line: line, Column: column}, true
}

// lineOf is the line and the column of the variable's first place in a text, from an offset on; 0 where there is none.
// They count from 1, columns in characters.
func lineOf(text, name string, start int) (line, column int) {
	at := askedFor(text[start:], name)
	if at < 0 {
		return 0, 0
	}
	before := text[:start+at]
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// offset is where a line begins in a text.
func offset(text string, line int) int {
	at := 0
	for ; line > 1; line-- {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return at
}

// patches are the files of a build that may bring text into other files' objects: kustomization files, and what
// they name beside resources.
func (b *build) patches() []string {
	return slices.DeleteFunc(slices.Clone(b.files), func(name string) bool {
		return !isKustomizeName(name) && !b.plain[name]
	})
}
