package loader

import (
	"encoding/base64"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// clearValue is a value in the clear of a Secret that Flux applies, and where it stands in Git. It does
// not hold the value itself.
type clearValue struct {
	// Secret is the Secret's name, Key the key of the value there, or the name of the variable that tells more.
	Secret, Key string
	Class       fleet.Class
	Length      int
	// Origin and Field are the place. Without a file it is in the Flux Kustomization that applies the Secret.
	Origin fleet.Origin
	Field  fleet.Field
	// Taken is the place in the object that the value is taken from, where a generator makes that of a file.
	Taken *clearPlace
	// Variable is the variable that brings the value; its source has the place and the class.
	Variable string
}

// inClear tells the classes of values that must not stand in Git.
func inClear(class fleet.Class) bool {
	return slices.Contains([]fleet.Class{fleet.Plain, fleet.Key, fleet.Kubeconfig, fleet.Token, fleet.Address}, class)
}

// clearValues are the values in the clear of an object, as the build made it; none where the object is no
// Secret once it is substituted.
func (x *textIndex) clearValues(b built, substituted map[string]any) (all []clearValue) {
	if str(substituted, "kind") != "Secret" || str(substituted, "apiVersion") != "v1" {
		return nil
	}
	meta, _ := b.object["metadata"].(map[string]any)
	for _, field := range []string{"data", "stringData"} {
		data, isMap := b.object[field].(map[string]any)
		if text, _ := b.object[field].(string); !isMap && text != "" { // variables that are all of it
			after, _ := substituted[field].(map[string]any)
			data = map[string]any{firstTelling(after): text}
		}
		for _, key := range slices.Sorted(maps.Keys(data)) {
			value, ok := data[key].(string)
			if !ok {
				continue
			}
			v := clearValue{Secret: str(meta, "name"), Key: key}
			if field == "data" {
				v.Class, v.Length = secret.ClassifyData(key, value)
			} else {
				v.Class, v.Length = secret.Classify(key, value)
			}
			if inClear(v.Class) {
				texts := []string{value}
				if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && field == "data" {
					texts = append(texts, string(decoded))
				}
				for _, p := range x.find(b.origin, []any{field, key}, key, texts) {
					v.Origin, v.Field = p.origin, p.field
					all = append(all, v)
				}
				continue
			}
			for _, m := range variable.FindAllStringSubmatch(value, maxVariables) {
				v.Variable = m[1]
				all = append(all, v)
			}
		}
	}
	return all
}

// firstTelling is the first key that promises a credential; empty where there is none.
func firstTelling(data map[string]any) string {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		if telling.MatchString(key) {
			return key
		}
	}
	return ""
}

// maxVariables bounds the variables of one value that are looked up.
const maxVariables = 100

// textIndex knows where something stands in Git that a build has made: in the build's files, and in the patches of the
// Flux Kustomization. It is filled as far as it is asked.
type textIndex struct {
	written *written
	// files are those of the build, and patching those of them that may bring text into other files' objects.
	files, patching []string
	// patches are those of the Flux Kustomization.
	patches []string
	read    map[string]*writtenFile
	spec    *fileTexts
	// left is how many bytes may still be searched for a value that is a part of a text.
	left int
	// undefined are the places of variables that were found.
	undefined map[string]bool
}

func newTextIndex(w *written, b *build, patches []string) *textIndex {
	return &textIndex{written: w, files: b.files, patching: b.patches(), patches: patches,
		read: map[string]*writtenFile{}, left: 16 << 20,
		undefined: map[string]bool{}}
}

// file is what stands in a file.
func (x *textIndex) file(name string) *writtenFile {
	if x.read[name] == nil {
		x.read[name] = x.written.file(name)
	}
	return x.read[name]
}

// texts yields the scalars of what the build has read, with the file: first of one file, then of the Flux
// Kustomization's patches, which have no file, then of the rest.
func (x *textIndex) texts(first string) iter.Seq2[string, *fileTexts] {
	return func(yield func(string, *fileTexts) bool) {
		if !yield(first, x.file(first).texts()) || !yield("", x.specTexts()) {
			return
		}
		for _, name := range x.files {
			if name != first && !yield(name, x.file(name).texts()) {
				return
			}
		}
	}
}

// fileTexts are the scalars of a file.
type fileTexts struct {
	// whole is the text of the file.
	whole string
	// at are the scalars by their text, and those of the form KEY=value by the value; each bounded.
	at map[string][]textPlace
	// keys are the scalars by the keys that they stand under; bounded too.
	keys map[string][]textPlace
	// long are those that may hold a value as a part of them.
	long []textPlace
}

// textPlace is where a text stands.
type textPlace struct {
	document int
	field    []any
	// key is the name under which the text stands.
	key  string
	text string
}

const (
	// maxSame bounds the places of one text in a file that are told apart.
	maxSame = 64
	// minPart is the length, in bytes, of the shortest value that is looked for as a part of a text.
	minPart = 8
	// maxEmbedded bounds how deep YAML stands in texts of YAML.
	maxEmbedded = 3
)

// find are the places of a value of a Secret: in the document that the object comes from, in a patch of the
// Flux Kustomization, or in other files of the build, those under the value's own key before others. Where it
// is in none, the place is the field in that document. There is none in a file that a secretGenerator reads:
// what is in it is judged there.
func (x *textIndex) find(origin fleet.Origin, field []any, key string, values []string) (places []clearPlace) {
	own := slices.Concat(origin.Field, field)
	best := 0
	for file, texts := range x.texts(origin.File) {
		if texts.whole != "" && slices.Contains(values, texts.whole) {
			if x.written.tree.lists.generated(file) {
				return nil
			}
			return []clearPlace{{fleet.Origin{File: file, Document: wholeFile}, []any{key}}}
		}
		for _, value := range values {
			for _, p := range texts.at[value] {
				score := 2
				switch isOwn := file == origin.File && p.document == origin.Document; {
				case isOwn && slices.Equal(p.field, own):
					score = 5
				case isOwn && len(origin.Field) > 0 && startsWith(p.field, origin.Field):
					score = 4
				case p.key == key:
					score = 3
				}
				if score > best {
					best, places = score, nil
				}
				if score == best && (score > 2 || len(places) == 0) {
					places = append(places, clearPlace{fleet.Origin{File: file, Document: p.document}, p.field})
				}
			}
		}
		if best > 3 {
			return places
		}
	}
	if best > 0 {
		return slices.DeleteFunc(places, func(p clearPlace) bool {
			return p.origin.Document == wholeFile && x.written.tree.lists.generated(p.origin.File)
		})
	}
	for file, texts := range x.texts(origin.File) {
		if p, ok := x.part(texts, values); ok {
			return []clearPlace{{fleet.Origin{File: file, Document: p.document}, p.field}}
		}
	}
	return []clearPlace{{fleet.Origin{File: origin.File, Document: origin.Document}, own}}
}

// wholeFile is the number of the document that a file is as a whole.
const wholeFile = -1

// clearPlace is a document and the field in it.
type clearPlace struct {
	origin fleet.Origin
	field  []any
}

func startsWith(field, prefix []any) bool {
	return len(field) >= len(prefix) && slices.Equal(field[:len(prefix)], prefix)
}

// part is the first text that holds one of the values as a part of it.
func (x *textIndex) part(in *fileTexts, values []string) (textPlace, bool) {
	for _, p := range in.long {
		for _, value := range values {
			x.left -= len(p.text)
			if x.left < 0 {
				return textPlace{}, false
			}
			if len(value) >= minPart && strings.Contains(p.text, value) {
				return p, true
			}
		}
	}
	return textPlace{}, false
}

// specTexts are the scalars of the Flux Kustomization's patches.
func (x *textIndex) specTexts() *fileTexts {
	if x.spec == nil {
		x.spec = newFileTexts()
		for i, patch := range x.patches {
			x.spec.embedded(textPlace{field: []any{"spec", "patches", i, "patch"}, text: patch}, 0)
		}
	}
	return x.spec
}

func newFileTexts() *fileTexts {
	return &fileTexts{at: map[string][]textPlace{}, keys: map[string][]textPlace{}}
}

// addLines takes the lines KEY=value in, as a generator reads them: quotes and blanks are a part of the value.
//
// Source: kustomize api v0.21.1 kv/kv.go keyValuesFromLine.
func (t *fileTexts) addLines(text string) {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		key, value, ok := strings.Cut(strings.TrimRight(strings.TrimLeft(line, " \t"), "\r\n"), "=")
		if !ok {
			continue
		}
		at := textPlace{document: wholeFile, field: []any{key}, key: key}
		t.keep(value, at)
		if bare := secret.Unquote(strings.TrimSpace(value)); bare != value {
			t.keep(bare, at)
		}
	}
}

// eachBounded calls do for the documents of a text that are neither too deep nor too large.
func eachBounded(data []byte, do func(index int, root *yaml.Node)) {
	_ = eachNode(data, func(index int, root *yaml.Node) {
		if isBounded(root) {
			do(index, root)
		}
	})
}

// isBounded is true for a document that is neither too deep nor too large.
func isBounded(root *yaml.Node) bool { return !deeperThan(root, maxDepth) && !secret.IsBomb(root) }

// add takes the scalars below n in. An alias is not followed: what it stands for is at its anchor.
func (t *fileTexts) add(at textPlace, n *yaml.Node, key string, depth int) {
	switch n.Kind {
	case yaml.MappingNode:
		path := ""
		if lookup(n, "op") != nil {
			path = text(n, "path")
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if n.Content[i].Tag == "!!merge" { // whose entries are this mapping's own
				for _, part := range mergeParts(n.Content[i+1]) {
					t.add(at, part, key, depth)
				}
				continue
			}
			below := at
			below.field = append(slices.Clone(at.field), name)
			if path != "" && name == "value" {
				name = pointerKey(path)
			}
			t.add(below, n.Content[i+1], name, depth)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			below := at
			below.field = append(slices.Clone(at.field), i)
			t.add(below, item, key, depth)
		}
	case yaml.ScalarNode:
		at.key, at.text = key, n.Value
		t.keep(n.Value, at)
		if name, value, ok := strings.Cut(n.Value, "="); ok {
			at.key = name
			t.keep(secret.Unquote(value), at)
			at.key = key
		}
		if len(n.Value) >= minPart {
			t.long = append(t.long, at)
		}
		if depth < maxEmbedded && strings.ContainsAny(n.Value, "\n{[") {
			t.embedded(at, depth+1)
		}
	}
}

// mergeParts are the mappings that stand under a merge key.
func mergeParts(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// embedded takes the scalars of a text that is YAML itself in.
func (t *fileTexts) embedded(at textPlace, depth int) {
	if len(at.text) > 1<<20 {
		return
	}
	eachBounded([]byte(at.text), func(_ int, root *yaml.Node) {
		if root.Kind != yaml.ScalarNode {
			t.add(at, root, at.key, depth)
		}
	})
}

func (t *fileTexts) keep(text string, at textPlace) {
	if len(t.keys[at.key]) < maxSame {
		t.keys[at.key] = append(t.keys[at.key], at)
	}
	if len(t.at[text]) < maxSame {
		t.at[text] = append(t.at[text], at)
	}
}

// pointerKey is the last part of a JSON pointer.
//
// Source: RFC 6901, section 4.
func pointerKey(pointer string) string {
	last := pointer[strings.LastIndexByte(pointer, '/')+1:]
	return strings.ReplaceAll(strings.ReplaceAll(last, "~1", "/"), "~0", "~")
}

// variableSource is where the value of a variable stands in Git in the clear.
type variableSource struct {
	class  fleet.Class
	length int
	// tells: the variable's name or its value promises a credential.
	tells  bool
	origin fleet.Origin
	field  []any
}

// newVariableSource is for a value that is a text, or its redacted form.
func newVariableSource(name string, value any, origin fleet.Origin, field ...any) variableSource {
	s := variableSource{origin: origin, field: field}
	redacted := secret.Redact(map[string]any{name: value})[name]
	if m, ok := redacted.(map[string]any); ok {
		class, _ := m["$class"].(string)
		s.class, s.tells = fleet.Class(class), true
		s.length, _ = m["$len"].(int)
	} else if text, ok := value.(string); ok {
		s.class, s.length = secret.Classify(name, text)
	}
	return s
}

// telling are the keys of a Secret that promise a credential.
var telling = regexp.MustCompile(
	`(?i)pass|pwd|secret([^-_.a-z]|$)|token|(api|access|private|secret|encryption|signing|master)[-_. ]?keys?$|cred|salt|seed`)

// variable is the place of a variable's value: the field of the object that it comes from, else the entry of the
// generator that makes the object, else where a patch or a line of a generator in one of the files brings it.
func (x *textIndex) variable(name string, source variableSource) (fleet.Origin, []any) {
	own := slices.Concat(source.origin.Field, source.field)
	in := func(file string, is func(textPlace) bool) (fleet.Origin, []any, bool) {
		if !strings.Contains(x.file(file).text, name) { // nor is it a key there
			return fleet.Origin{}, nil, false
		}
		for _, p := range x.file(file).texts().keys[name] {
			if is(p) {
				return fleet.Origin{File: file, Document: p.document}, p.field, true
			}
		}
		return fleet.Origin{}, nil, false
	}
	for _, is := range []func(textPlace) bool{
		func(p textPlace) bool { return slices.Equal(p.field, own) },
		func(p textPlace) bool {
			return len(source.origin.Field) > 0 && startsWith(p.field, source.origin.Field)
		},
	} {
		if origin, field, ok := in(source.origin.File, func(p textPlace) bool {
			return p.document == source.origin.Document && is(p)
		}); ok {
			return origin, field
		}
	}
	for _, file := range x.files {
		if origin, field, ok := in(file, func(p textPlace) bool {
			generated := p.document == wholeFile && len(source.origin.Field) > 0
			return generated || slices.Contains(p.field, any("substitute")) || p.field[len(p.field)-1] == "value"
		}); ok {
			return origin, field
		}
	}
	return fleet.Origin{File: source.origin.File, Document: source.origin.Document}, own
}

// resolveClear fills in the places that hang on the Flux Kustomization and on its variables, and leaves out
// what is none in the clear.
func (c *cluster) resolveClear(it *item, values []clearValue) (all []clearValue) {
	index := sync.OnceValue(func() *textIndex {
		return newTextIndex(c.written, &build{files: slices.Sorted(maps.Keys(c.reached))}, nil)
	})
	for _, v := range values {
		if v.Variable != "" {
			source, ok := it.vars.clear[v.Variable]
			if !ok || !inClear(source.class) || !source.tells && !telling.MatchString(v.Key) {
				continue
			}
			if source.tells {
				v.Key = v.Variable
			}
			if source.origin.File == "" {
				source.origin = it.fact.Origin
			}
			v.Class, v.Length = source.class, source.length
			taken := source.origin
			taken.Field = nil
			v.Taken = &clearPlace{taken, slices.Concat(source.origin.Field, source.field)}
			v.Origin, v.Field = index().variable(v.Variable, source)
		}
		if v.Origin.File == "" {
			v.Origin, v.Field = c.patchOf(it, v.Field, index)
		}
		all = append(all, v)
	}
	return all
}

// patchOf is the place of a field in the patches of a Flux Kustomization: there, or where a
// patch of another brings them.
func (c *cluster) patchOf(it *item, field []any, index func() *textIndex) (fleet.Origin, []any) {
	own := clearPlace{fleet.Origin{File: it.fact.Origin.File, Document: it.fact.Origin.Document},
		slices.Concat(it.fact.Origin.Field, field)}
	i, ok := field[2].(int)
	if !ok || i >= len(it.spec.Patches) {
		return own.origin, own.field
	}
	if places := index().find(it.fact.Origin, field[:4], "patch", []string{it.spec.Patches[i].Patch}); len(places) > 0 {
		return places[0].origin, slices.Concat(places[0].field, field[4:])
	}
	return own.origin, own.field
}

// withClear are a file's documents with the values in the clear that stand in them and that the
// file alone does not show.
func withClear(documents []fleet.Document, values []clearValue) []fleet.Document {
	if len(values) == 0 {
		return documents
	}
	documents = slices.Clone(documents)
	known := map[int]*clearDocument{}
	for _, v := range values {
		d := known[v.Origin.Document]
		if d == nil {
			i := slices.IndexFunc(documents, func(d fleet.Document) bool { return d.Index == v.Origin.Document })
			if i < 0 {
				documents = append(documents, fleet.Document{Index: v.Origin.Document}.Complete())
				i = len(documents) - 1
			}
			d = newClearDocument(i, documents[i])
			known[v.Origin.Document] = d
		}
		d.add(v)
	}
	for _, d := range known {
		documents[d.number].Values = d.values
	}
	return documents
}

// clearDocument is a document to which values in the clear are added.
type clearDocument struct {
	number int // in the list of documents
	values []fleet.Value
	// at are the numbers of the values by their fields, and faults the fields that SOPS stumbles over.
	at     map[string]int
	faults map[string]bool
	beside bool // a text may hold a Secret
}

func newClearDocument(number int, of fleet.Document) *clearDocument {
	d := &clearDocument{number: number, values: slices.Clone(of.Values), at: map[string]int{},
		faults: map[string]bool{}}
	d.index()
	if of.Encryption != nil {
		for _, f := range of.Encryption.Faults {
			d.faults[fieldKey(f.Field)] = true
		}
	}
	return d
}

func (d *clearDocument) index() {
	clear(d.at)
	for i := len(d.values) - 1; i >= 0; i-- {
		d.at[fieldKey(d.values[i].Field)] = i
		d.beside = d.beside || d.values[i].In == "beside"
	}
}

func fieldKey(field []any) string { return fmt.Sprintf("%q", field) }

func (d *clearDocument) add(v clearValue) {
	if d.beside {
		text := slices.IndexFunc(d.values, func(o fleet.Value) bool {
			return o.In == "beside" && len(o.Field) < len(v.Field) && startsWith(v.Field, o.Field)
		})
		if text >= 0 { // a text with the Secret in it, which says less
			d.values = slices.Delete(d.values, text, text+1)
			d.index()
		}
	}
	key := fieldKey(v.Field)
	if d.faults[key] {
		return // which says more
	}
	at, ok := d.at[key]
	if !ok {
		d.at[key] = len(d.values)
		d.values = append(d.values, fleet.Value{Field: v.Field, In: "Secret", Key: v.Key, Secret: v.Secret,
			Class: v.Class, Length: v.Length})
		return
	}
	old := &d.values[at]
	if !inClear(old.Class) { // what the build put in the place of a variable, or beside it
		old.Class, old.Length = v.Class, v.Length
	}
	if old.In == "patch" && old.Secret == "" || old.In == "beside" {
		old.Secret, old.Key = v.Secret, v.Key
		if old.In == "beside" {
			old.In = "Secret"
		}
	}
}

// clearPlaces are the values in the clear of a tree's Secrets, by the file that each stands in.
type clearPlaces map[string]map[int][]clearValue

func (p clearPlaces) add(values []clearValue) {
	for _, v := range values {
		if p[v.Origin.File] == nil {
			p[v.Origin.File] = map[int][]clearValue{}
		}
		p[v.Origin.File][v.Origin.Document] = append(p[v.Origin.File][v.Origin.Document], v)
	}
}

// taken adds where values are taken from, which is not where they stand.
func (p clearPlaces) taken(values []clearValue) {
	for _, v := range values {
		if v.Taken != nil && (v.Taken.origin.File != v.Origin.File || !slices.Equal(v.Taken.field, v.Field)) {
			p.add([]clearValue{{Class: v.Class, Length: v.Length, Origin: v.Taken.origin, Field: v.Taken.field}})
		}
	}
}

// in are the values that stand in a file.
func (p clearPlaces) in(file string) (all []clearValue) {
	for _, document := range slices.Sorted(maps.Keys(p[file])) {
		all = append(all, p[file][document]...)
	}
	return all
}

// redacted is an object's content without what a Secret takes from it: the source of a replacement, a variable, an
// input. It is the content itself where the object has none.
func (p clearPlaces) redacted(o *fleet.Object) map[string]any {
	content := o.Content
	for _, v := range p[o.Origin.File][o.Origin.Document] {
		if !startsWith(v.Field, o.Origin.Field) {
			continue
		}
		content = secret.RedactAt(content, v.Field[len(o.Origin.Field):], v.Class)
	}
	return content
}
