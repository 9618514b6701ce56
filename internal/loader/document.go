package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/json"
	sigsyaml "sigs.k8s.io/yaml"
	yaml "sigs.k8s.io/yaml/goyaml.v3"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// document is one YAML document of a file that holds something. Its nodes are not kept: a tree of 100,000 files would
// need gigabytes for them. They are parsed again for the few documents that a finding points at.
type document struct {
	fleet.Document
	Exceptions []fleet.Exception
	Stamp      stamp
	// Flux is where a Flux Kustomization, or what installs a Flux, leads to; nil for anything else.
	Flux *fluxSpec
	// plain: kustomize takes the document as it is, which is decoded then.
	plain   bool
	decoded decodedObject
}

// parseDocuments reads the documents of a file, up to the first one that does not parse, and what a kustomization file
// lists.
func parseDocuments(name string, data []byte) (docs []document, problems []fleet.Problem, lists *kustomizeLists,
	expansion int) {
	err := eachNode(data, func(index int, root *yaml.Node) {
		if deeperThan(root, maxDepth) {
			problems = append(problems, fleet.Problem{Kind: "too-deep", Line: root.Line, Column: root.Column,
				Message: fmt.Sprintf("the document is nested more than %d deep", maxDepth)})
			return
		}
		if expansion += secret.Expansion(root); expansion > secret.MaxExpansion {
			problems = append(problems, fleet.Problem{Kind: "alias-bomb", Line: root.Line, Column: root.Column,
				Message: fmt.Sprintf("the file's aliases expand to more than %d nodes", secret.MaxExpansion)})
			return
		}
		if wide := widerThan(root, maxKeys); wide != nil {
			problems = append(problems, fleet.Problem{Kind: "too-large", Line: wide.Line, Column: wide.Column,
				Message: fmt.Sprintf("the mapping has more than %d keys, which is more than is read", maxKeys)})
			return
		}
		if alias := foreignAlias(root, map[*yaml.Node]bool{}); alias != nil {
			problems = append(problems, fleet.Problem{Kind: "syntax", Message: noAnchor, Line: alias.Line,
				Column: alias.Column})
			return
		}
		duplicates := duplicateKeys(root)
		if len(duplicates) > maxDuplicates {
			more := duplicates[maxDuplicates]
			problems = append(append(problems, duplicates[:maxDuplicates]...), fleet.Problem{Kind: "too-large",
				Line: more.Line, Column: more.Column,
				Message: fmt.Sprintf("more than %d keys of the document occur twice in their mappings", maxDuplicates)})
			return
		}
		problems = append(problems, duplicates...)
		docs = append(docs, describe(name, index, root))
		if index == 0 && isKustomizeName(name) {
			lists = newKustomizeLists(root)
		}
	})
	switch {
	case errors.Is(err, errManyDocuments):
		problems = append(problems, fleet.Problem{Kind: "too-large", Message: fmt.Sprintf("the file has %v", err)})
	case err != nil:
		problems = append(problems, syntaxProblem(data, err))
	}
	return docs, problems, lists, expansion
}

// maxDocuments bounds the documents of a file. The largest bundles have a thousand; to judge one takes
// a tenth of a millisecond.
const maxDocuments = 20_000

var errManyDocuments = fmt.Errorf("more than %d documents, and no more are read", maxDocuments)

// eachNode calls do for the root node of each document that is not empty, with the number of the document. It returns
// the parser's error; the documents before it have been seen.
func eachNode(data []byte, do func(int, *yaml.Node)) (err error) {
	defer func() {
		if r := recover(); r != nil { // the parser recovers its own panics only
			err = fmt.Errorf("yaml: the parser gave up: %v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for index, found := 0, 0; ; index++ {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}
		if found++; found > maxDocuments {
			return errManyDocuments
		}
		do(index, doc.Content[0])
	}
}

func describe(name string, index int, root *yaml.Node) document {
	d := document{Document: fleet.Document{
		Index:      index,
		APIVersion: text(root, "apiVersion"),
		Kind:       text(root, "kind"),
		Namespace:  text(root, "metadata", "namespace"),
		Name:       text(root, "metadata", "name"),
		Encryption: secret.Encryption(root),
		Values:     secret.Values(root, isKustomizeName(name)),
	}}
	if d.Values = secret.Others(d.Encryption, d.Values); d.Values == nil {
		d.Values = []fleet.Value{}
	}
	d.Stamp = findStamp(root)
	d.Flux = newFluxSpec(root, d.APIVersion, d.Kind)
	d.Exceptions = annotationExceptions(index, root)
	if d.plain = isPlain(root); d.plain {
		d.decoded.object, d.decoded.dollar = decode(root)
	}
	return d
}

// maxDepth bounds how deep a document is nested: no Kubernetes object comes near it, and each level costs
// what is above it once more.
const maxDepth = 500

func deeperThan(n *yaml.Node, limit int) bool {
	return limit == 0 || slices.ContainsFunc(n.Content, func(child *yaml.Node) bool {
		return deeperThan(child, limit-1)
	})
}

const (
	// maxKeys bounds the keys of a mapping, since decoders compare each with every other. An object of 1.5 MiB, the
	// most that an API server takes, hardly has as many.
	maxKeys = 20_000
	// maxDuplicates bounds the keys of a document that occur twice: decoders make an error of each pair of them.
	maxDuplicates = 100
)

// widerThan finds a mapping with more keys than the limit; nil where there is none.
func widerThan(n *yaml.Node, limit int) *yaml.Node {
	if n.Kind == yaml.MappingNode && len(n.Content) > 2*limit {
		return n
	}
	for _, child := range n.Content {
		if wide := widerThan(child, limit); wide != nil {
			return wide
		}
	}
	return nil
}

// foreignAlias finds an alias whose anchor stands in a document before. The library keeps anchors through a whole file,
// but they end with their document, and kustomize, which cuts a file into documents first, knows no such anchor.
func foreignAlias(n *yaml.Node, anchors map[*yaml.Node]bool) *yaml.Node {
	if n.Kind == yaml.AliasNode && !anchors[n.Alias] {
		return n
	}
	if n.Anchor != "" {
		anchors[n] = true
	}
	for _, child := range n.Content {
		if alias := foreignAlias(child, anchors); alias != nil {
			return alias
		}
	}
	return nil
}

// noAnchor does not show the alias's name: a password that begins with "*" and has no quotes is an alias too.
const noAnchor = "the alias has no anchor in this document, or text that begins with * has no quotes"

// duplicateKeys finds keys that occur twice in a mapping. kustomize builds with such an object but cannot write it
// (api v0.21.1, resource.Resource.MarshalJSON), so Flux fails; other parsers take one of the two, not all the same.
func duplicateKeys(n *yaml.Node) []fleet.Problem {
	var problems []fleet.Problem
	if n.Kind == yaml.MappingNode {
		var seen map[string]bool
		if len(n.Content) > 2 {
			seen = make(map[string]bool, len(n.Content)/2)
		}
		for i := 0; i+1 < len(n.Content) && seen != nil; i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				continue
			}
			if seen[key.Value] {
				problems = append(problems, fleet.Problem{Kind: "duplicate-key", Line: key.Line, Column: key.Column,
					Message: secret.Message(fmt.Sprintf("the key %q occurs twice in this mapping", key.Value))})
			}
			seen[key.Value] = true
		}
	}
	for _, c := range n.Content {
		problems = append(problems, duplicateKeys(c)...)
	}
	return problems
}

var (
	yamlErrorLine = regexp.MustCompile(`^yaml: line (\d+): `)
	unknownAnchor = regexp.MustCompile(`unknown anchor '([^']+)' referenced`)
)

// rendersTo tells whether a text parses once its directives are gone from lines of their own, and words elsewhere.
func rendersTo(data []byte) bool {
	return eachNode(withoutDirectives(data), func(int, *yaml.Node) {}) == nil
}

// delimiters of a directive: of Go templates and Helm, and of Jinja in its own and in those that keep a file YAML.
var delimiters = [][2]string{{"{{", "}}"}, {"{%", "%}"}, {"#{", "}#"}}

// withoutDirectives is the text with a word in the place of each directive, and without the
// lines that hold nothing else.
func withoutDirectives(data []byte) []byte {
	var out []byte
	lineAt, word := 0, 0 // where the line begins in out, and how much of it stands for directives
	endLine := func() {
		if line := out[lineAt:]; word > 0 && len(bytes.Trim(line, " \tx")) == 0 &&
			bytes.Count(line, []byte("x")) == word {
			out = out[:lineAt]
		}
		word = 0
	}
	var missing [3]bool // from here on there is no end for these
next:
	for i := 0; i < len(data); {
		for j, d := range delimiters {
			if missing[j] || !bytes.HasPrefix(data[i:], []byte(d[0])) {
				continue
			}
			if end := bytes.Index(data[i+2:], []byte(d[1])); end >= 0 {
				out, word, i = append(out, 'x'), word+1, i+2+end+2
				continue next
			}
			missing[j] = true
		}
		if data[i] == '\n' {
			endLine()
			out = append(out, '\n')
			lineAt = len(out)
		} else {
			out = append(out, data[i])
		}
		i++
	}
	endLine()
	return out
}

// notYAML begins what is said of a syntax error.
const notYAML = "the file is not valid YAML: "

// syntaxProblem finds the line of a syntax error. The parser's own message names the line where the broken construct
// begins, so the line is looked for: the first that the file parses without and never with.
func syntaxProblem(data []byte, err error) fleet.Problem {
	p := fleet.Problem{Kind: "syntax", Message: notYAML + strings.TrimPrefix(firstLine(err), "yaml: "), Line: 1,
		Column: 1}
	if m := yamlErrorLine.FindStringSubmatch(err.Error()); m != nil {
		p.Message = notYAML + strings.TrimPrefix(firstLine(err), m[0])
		p.Line, _ = strconv.Atoi(m[1])
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if m := unknownAnchor.FindStringSubmatch(err.Error()); m != nil {
		p.Message = noAnchor
		for i, line := range lines {
			if at := bytes.Index(line, []byte("*"+m[1])); at >= 0 {
				p.Line, p.Column = i+1, at+1
			}
		}
		return p
	}
	if len(data) < 1<<20 {
		p.Line = brokenLine(lines, p.Line)
	}
	if p.Line <= len(lines) {
		line := lines[p.Line-1]
		p.Column = 1 + len(line) - len(bytes.TrimLeft(line, " \t"))
	}
	return p
}

// brokenLine looks at most 100 lines past the one that the parser named, and parses at most 4 MiB for it.
func brokenLine(lines [][]byte, named int) int {
	last := named
	first := max(1, named-3)
	for n, parsed := first, 0; n <= min(len(lines), named+100) && parsed < 4<<20; n++ {
		text := bytes.Join(lines[:n], nil)
		parsed += len(text)
		if eachNode(text, func(int, *yaml.Node) {}) == nil {
			last = n + 1
		}
	}
	return min(last, len(lines))
}

// objects decodes the documents of a file as Flux does, by number. A document that is no mapping is left out.
func objects(data []byte) map[int]map[string]any {
	all := map[int]map[string]any{}
	_ = eachNode(data, func(index int, root *yaml.Node) {
		if root.Kind != yaml.MappingNode || deeperThan(root, maxDepth) || secret.IsBomb(root) {
			return
		}
		if m, err := decodeNode(root); err == nil {
			all[index] = m
		}
	})
	return all
}

// decodeNode gives a node the meaning that Kubernetes gives it: YAML to JSON by sigs.k8s.io/yaml, whole numbers int64.
func decodeNode(root *yaml.Node) (map[string]any, error) {
	text, err := yaml.Marshal(root)
	if err != nil {
		return nil, err
	}
	data, err := sigsyaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(data, &m)
}

// lookup follows keys through mappings and aliases; nil where there is nothing.
func lookup(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		n = resolve(n)
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		n = next
	}
	return resolve(n)
}

func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// text is the string at keys, or nothing.
func text(n *yaml.Node, keys ...string) string {
	if n = lookup(n, keys...); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// annotationExceptions are those of a document. An annotation on an item of a List excepts the List.
func annotationExceptions(index int, root *yaml.Node) []fleet.Exception {
	all := objectExceptions(index, root)
	if items := lookup(root, "items"); items != nil && items.Kind == yaml.SequenceNode &&
		strings.HasSuffix(text(root, "kind"), "List") {
		for _, item := range items.Content {
			all = append(all, objectExceptions(index, item)...)
		}
	}
	return all
}

func objectExceptions(index int, object *yaml.Node) []fleet.Exception {
	n := lookup(object, "metadata", "annotations", fleet.IgnoreAnnotation)
	if n == nil || n.Kind != yaml.ScalarNode {
		return nil
	}
	all := fleet.ParseExceptions(n.Value)
	for i := range all {
		all[i].Document, all[i].Line, all[i].Column = index, n.Line, n.Column
		all[i] = shownException(all[i])
	}
	return all
}

// shownException is an exception with its texts as a message may quote them.
func shownException(x fleet.Exception) fleet.Exception {
	x.Rule, x.Owner, x.Unread, x.Reason = secret.Name(x.Rule), secret.Name(x.Owner), secret.Name(x.Unread),
		secret.Message(x.Reason)
	return x
}

var ignoreComment = regexp.MustCompile(
	`(?m)(?:^|[ \t])(#[ \t]*rollcall:ignore(?:[ \t]+([^\r\n]*?))?(?:[ \t]+--[ \t]*([^\r\n]*?))?)[ \t]*(?:\r|$)`)

func commentExceptions(data []byte) []fleet.Exception {
	if !bytes.Contains(data, []byte("rollcall:ignore")) {
		return nil
	}
	var all []fleet.Exception
	line, start := 1, 0 // of the last comment
	for _, m := range ignoreComment.FindAllSubmatchIndex(data, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return strings.TrimSpace(string(data[m[2*i]:m[2*i+1]]))
		}
		between := data[start:m[2]]
		line += bytes.Count(between, []byte("\n"))
		start += bytes.LastIndexByte(between, '\n') + 1
		x := shownException(fleet.NewException(group(2), group(3)))
		x.Document, x.Line, x.Column = -1, line, 1+m[2]-start
		all = append(all, x)
	}
	return all
}
