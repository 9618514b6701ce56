package secret

import (
	"regexp"
	"strconv"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Text is a text that is no YAML as the mapping that it comes to, with the lines and columns of the text: KEY=value
// lines as SOPS's dotenv store reads them, and sections of them as its INI store does, with the metadata of SOPS
// below "sops" either way; JSON as it is, which SOPS's binary store writes too. nil where the text is nothing of
// all that.
//
// Source: getsops/sops v3.13.2 stores/dotenv/store.go LoadPlainFile, stores/ini/store.go, stores/metadata.go
// ExtractMetadata, stores/flatten.go tokenize.
func Text(text []byte) *yaml.Node {
	if len(text) > maxInline {
		return nil
	}
	content := strings.TrimPrefix(string(text), "\ufeff")
	if trimmed := strings.TrimLeft(content, " \t\r\n"); strings.HasPrefix(trimmed, "{") {
		var root *yaml.Node
		eachDocument(content, func(n *yaml.Node) {
			if root == nil && n.Kind == yaml.MappingNode {
				root = n
			}
		})
		if root != nil {
			return root
		}
	}
	return lines(content)
}

var (
	sectionLine = regexp.MustCompile(`^\s*\[([^\[\]]+)\]\s*(?:[#;].*)?$`)
	// settingLine is an assignment; the name has no space in it, unless it has quotes.
	settingLine = regexp.MustCompile(`^(\s*(?:export\s+|set\s+)?["']?)([^\s=:"'#;{}<>()]+)["']?\s*[=:]\s?(.*)$`)
	// elementLine is a setting in XML, attributeLine one that is an attribute, loginLine one in a .netrc.
	elementLine   = regexp.MustCompile(`^(\s*<)([A-Za-z_][\w.-]*)>([^<>]+)</[A-Za-z_][\w.-]*>\s*$`)
	attributeLine = regexp.MustCompile(
		`(?i)^(\s*<(?:[^<>]*\s)?)(\w*(?:password|passwd|secret|token|apikey))\s*=\s*["']([^"'<>]+)["'][^<>]*>`)
	loginLine = regexp.MustCompile(`^((?:\s*(?:machine|login|account)\s+\S+)*\s*)(password)\s+(\S+)\s*$`)
)

// lines are the settings of a text, line by line: in sections, where it has any.
func lines(text string) *yaml.Node {
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	meta := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	at, inMeta, isINI := root, false, false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			if inMeta = m[1] == "sops"; inMeta {
				at, isINI = meta, true
				continue
			}
			at = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: number, Column: 1}
			add(root, m[1], at, number, 1)
			continue
		}
		m := settingLine.FindStringSubmatch(line)
		for _, form := range []*regexp.Regexp{elementLine, attributeLine, loginLine} {
			if m == nil {
				m = form.FindStringSubmatch(line)
			}
		}
		if m == nil || strings.HasPrefix(strings.TrimSpace(line), "//") {
			continue
		}
		key, value := m[2], strings.TrimSpace(m[3])
		name, isMeta := strings.CutPrefix(key, "sops_")
		switch {
		case inMeta && key == "mac" && strings.HasPrefix(value, `"`):
			return nil // TOML, which another program has encrypted in the form of SOPS
		case inMeta:
			place(meta, key, scalarNode(unescape(value), number, 1))
		case isMeta && at == root:
			place(meta, name, scalarNode(unescape(value), number, 1))
		default:
			value = strings.TrimSuffix(Unquote(strings.TrimRight(value, ",")), `"`)
			column := 1 + len([]rune(m[1]))
			key = Name(key) // which may be the beginning of a value
			add(at, key, scalarNode(value, number, column+len([]rune(key))+1), number, column)
		}
	}
	if isINI {
		root.Content = defaultSection(root.Content)
	}
	if len(meta.Content) > 0 {
		add(root, "sops", meta, 1, 1)
	}
	if len(root.Content) == 0 {
		return nil
	}
	return root
}

// defaultSection puts the settings before the first section below "DEFAULT", as SOPS does.
func defaultSection(entries []*yaml.Node) []*yaml.Node {
	section := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	var sections []*yaml.Node
	for i := 0; i+1 < len(entries); i += 2 {
		if entries[i+1].Kind == yaml.ScalarNode {
			section.Content = append(section.Content, entries[i], entries[i+1])
		} else {
			sections = append(sections, entries[i], entries[i+1])
		}
	}
	if len(section.Content) == 0 {
		return sections
	}
	return append([]*yaml.Node{scalarNode("DEFAULT", 1, 1), section}, sections...)
}

func unescape(value string) string { return strings.ReplaceAll(Unquote(value), `\n`, "\n") }

func scalarNode(value string, line, column int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: line, Column: column}
}

func add(n *yaml.Node, key string, value *yaml.Node, line, column int) {
	n.Content = append(n.Content, scalarNode(key, line, column), value)
}

var step = regexp.MustCompile(`__(map|list)_`)

// maxSteps bounds how deep metadata are nested, and how long their lists are.
const maxSteps = 100

// place puts an entry of the metadata where its flattened name says: age__list_0__map_recipient.
func place(meta *yaml.Node, name string, value *yaml.Node) {
	marks := step.FindAllStringSubmatchIndex(name, maxSteps)
	at, key, end := meta, name, 0
	for i, mark := range append(marks, nil) {
		stop := len(name)
		if mark != nil {
			stop = mark[0]
		}
		key = name[end:stop]
		next := value
		switch {
		case mark == nil:
		case name[mark[2]:mark[3]] == "list":
			next = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		default:
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		if i > 0 && name[marks[i-1][2]:marks[i-1][3]] == "list" {
			n, err := strconv.Atoi(key)
			if err != nil || n < 0 || n > min(len(at.Content), maxSteps) || at.Kind != yaml.SequenceNode {
				return
			}
			if n == len(at.Content) {
				at.Content = append(at.Content, next)
			}
			at = at.Content[n]
		} else {
			if at.Kind != yaml.MappingNode {
				return
			}
			old := get(at, key)
			if old == nil && len(at.Content) > 4*maxSteps {
				return
			}
			if old == nil {
				at.Content = append(at.Content, scalarNode(key, 0, 0), next)
				old = next
			}
			at = old
		}
		if mark != nil {
			end = mark[1]
		}
	}
}
