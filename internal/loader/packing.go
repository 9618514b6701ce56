package loader

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// packing is how the artifact of a source is made of the tree.
type packing struct {
	// base is the folder from which the artifact's paths lead, and root the one that the source
	// packs, by its ignore rules.
	base, root string
	// only are the folders and files of it that are in; nil for all.
	only   []string
	ignore string
	// exact: the artifact holds nothing else.
	exact bool
}

// packingOf is how a source is made of the tree; false where it is another repository, or nothing tells.
func (c *cluster) packingOf(source sourceKey) (packing, bool) {
	if p, ok := c.tree.declaredPacking(source); ok {
		return p, true
	}
	whole := packing{base: c.entry.base, root: c.entry.base, exact: source.kind == "GitRepository"}
	if c.isEntrySource(source) {
		return whole, true
	}
	switch source.kind {
	case "OCIRepository", "Bucket":
		if dir, ok := c.tree.pushed(c.urlOf(source)); ok {
			return packing{base: dir, root: dir}, true
		}
	case "ExternalArtifact":
		for _, object := range c.generators {
			made := generated(object)[source]
			if made == nil {
				continue
			}
			if from, ok := c.packingOf(made.source); ok {
				from.base = path.Join(from.base, made.base)
				for _, dir := range made.only {
					from.only = append(slices.Clone(from.only), path.Join(from.root, dir))
				}
				return from, true
			}
		}
	}
	return packing{}, false
}

// declaredPacking is what the configuration says of a source.
func (t *tree) declaredPacking(source sourceKey) (packing, bool) {
	for _, s := range t.options.Sources {
		if source.name != "" && source.is(sourceKey{s.Kind, s.Namespace, s.Name}) {
			return packing{base: s.Path, root: s.Path, exact: true}, true
		}
	}
	return packing{}, false
}

// made is what an ArtifactGenerator copies of one source into an artifact: the folders and files of only, each to
// where it lies below base.
type made struct {
	source sourceKey
	base   string
	only   []string
}

// generated are the ExternalArtifacts that an ArtifactGenerator makes of one source each, without renaming anything.
// Those it makes in another way are left out.
//
// Source: fluxcd/source-watcher v2 docs/spec/v1beta1/artifactgenerators.md: copy operations.
func generated(generator map[string]any) map[sourceKey]*made {
	all := map[sourceKey]*made{}
	meta, _ := generator["metadata"].(map[string]any)
	spec, _ := generator["spec"].(map[string]any)
	namespace := str(meta, "namespace")
	sources := map[string]sourceKey{}
	for _, source := range mappings(spec["sources"]) {
		sources[str(source, "alias")] = sourceKey{str(source, "kind"), orElse(str(source, "namespace"), namespace),
			str(source, "name")}
	}
	for _, artifact := range mappings(spec["artifacts"]) {
		if m := copied(mappings(artifact["copy"]), sources); m != nil {
			all[sourceKey{"ExternalArtifact", namespace, str(artifact, "name")}] = m
		}
	}
	return all
}

func copied(copies []map[string]any, sources map[string]sourceKey) *made {
	var m *made
	for _, c := range copies {
		alias, from, _ := strings.Cut(strings.TrimPrefix(str(c, "from"), "@"), "/")
		to, ok := strings.CutPrefix(str(c, "to"), "@artifact")
		source, known := sources[alias]
		if !ok || !known || !excludesTextsAlone(c["exclude"]) || str(c, "strategy") == "Extract" {
			return nil
		}
		folder := strings.HasSuffix(to, "/")
		to = inTree(to)
		if inner, all := strings.CutSuffix(from, "**"); all {
			from = inner
		} else if folder {
			to = path.Join(to, path.Base(from))
		}
		from = inTree(from)
		if strings.ContainsAny(from, "*?[{$") || strings.Contains(to, "$") {
			return nil
		}
		base, same := strings.CutSuffix("/"+from, "/"+to)
		if to == "." {
			base, same = "/"+from, true
		}
		base = inTree(base)
		if !same || m != nil && (m.base != base || m.source != source) {
			return nil
		}
		if m == nil {
			m = &made{source: source, base: base}
		}
		m.only = append(m.only, from)
	}
	return m
}

// excludesTextsAlone tells that nothing of what Flux applies is left out.
func excludesTextsAlone(patterns any) bool {
	list, _ := patterns.([]any)
	return !slices.ContainsFunc(list, func(v any) bool {
		pattern, _ := v.(string)
		return !strings.HasSuffix(pattern, ".md") && !strings.HasSuffix(pattern, ".txt")
	})
}

func mappings(list any) (all []map[string]any) {
	items, _ := list.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// urlOf is the URL of a source's object.
func (c *cluster) urlOf(source sourceKey) string {
	spec, _ := c.sourceObject(source)["spec"].(map[string]any)
	return str(spec, "url")
}

// push is a folder that a pipeline packs, and a pattern of the address that it pushes it to.
type push struct {
	address *regexp.Regexp
	dir     string
}

// pushed is the folder that a pipeline of this repository pushes as an artifact to a URL. Where
// several match, nothing tells.
func (t *tree) pushed(url string) (dir string, ok bool) {
	t.pushesOnce.Do(func() {
		for _, p := range t.paths {
			if isPipeline(p) && !t.files[p].symlink {
				if data, err := t.read(p, maxText); err == nil {
					t.pushes = append(t.pushes, pushesIn(data)...)
				}
			}
		}
	})
	for _, push := range t.pushes {
		if url == "" || !push.address.MatchString(url) {
			continue
		}
		if ok && dir != push.dir {
			return "", false
		}
		dir, ok = push.dir, true
	}
	return dir, ok && t.isDir(dir)
}

// isPipeline tells the files in which a pipeline, or who does its work by hand, says what to push.
func isPipeline(p string) bool {
	name := strings.ToLower(path.Base(p))
	return strings.HasPrefix(p, ".github/workflows/") || strings.HasPrefix(p, ".gitlab") ||
		strings.HasPrefix(p, ".circleci/") || strings.HasPrefix(p, ".forgejo/") ||
		strings.HasPrefix(p, ".gitea/") || name == "makefile" || name == "justfile" ||
		strings.HasPrefix(name, "taskfile.") || path.Ext(p) == ".sh" || strings.HasPrefix(name, "azure-pipelines")
}

// pushesIn are the artifacts that a text pushes by the flux command. A variable counts as what the text
// sets it to, else as anything.
func pushesIn(text []byte) (all []push) {
	if !bytes.Contains(text, []byte("push artifact")) {
		return nil
	}
	values := map[string]string{}
	for _, m := range assignment.FindAllSubmatch(text, 1000) {
		values[string(m[1])] = string(m[2])
	}
	expand := func(word string) string {
		for range 3 {
			word = anyVariable.ReplaceAllStringFunc(word, func(v string) string {
				if value, ok := values[variableIn(v)]; ok {
					return value
				}
				return v
			})
		}
		return strings.Trim(word, `"'`)
	}
	joined := continued.ReplaceAll(text, []byte(" "))
	for _, m := range pushCommand.FindAllSubmatch(joined, 100) {
		dir, address := ".", ""
		words := strings.Fields(spaces.ReplaceAllStringFunc(string(m[1]), func(v string) string {
			return strings.ReplaceAll(v, " ", "")
		}))
		for i, word := range words {
			switch value, ok := strings.CutPrefix(word, "--path="); {
			case ok:
				dir = expand(value)
			case (word == "--path" || word == "-p") && i+1 < len(words):
				dir = expand(words[i+1])
			case i == 0 || !strings.HasPrefix(word, "-") && strings.Contains(expand(word), "oci://"):
				address = expand(word)
			}
		}
		pattern := addressPattern(address)
		if pattern == nil || strings.ContainsAny(dir, "$*{") {
			continue
		}
		all = append(all, push{pattern, inTree(dir)})
	}
	return all
}

var (
	assignment = regexp.MustCompile(
		`(?m)^[ \t-]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*\??:?[=:][ \t]*["']?([^\s"'#]+)`)
	anyVariable = regexp.MustCompile(`\$\{\{[^}]*\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_][A-Za-z0-9_]*`)
	continued   = regexp.MustCompile(`\\\r?\n`)
	spaces      = regexp.MustCompile(`\$\{\{[^}]*\}\}|\$\([^)]*\)|\{\{[^}]*\}\}`)
	pushCommand = regexp.MustCompile(`(?m)push artifact[ \t]+([^\n|;&]+)`)
	lastName    = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\W*$`)
)

// variableIn is the name of a variable in whatever form: ${{ env.NAME }}, ${NAME}, $NAME.
func variableIn(form string) string {
	if m := lastName.FindStringSubmatch(form); m != nil {
		return m[1]
	}
	return ""
}

// addressPattern matches the URLs of what is pushed to an address, without its tag: a variable is anything in it. It is
// nil where the address tells too little: the registry and one more name must be there.
func addressPattern(address string) *regexp.Regexp {
	rest, ok := strings.CutPrefix(address, "oci://")
	if !ok {
		return nil
	}
	rest = anyVariable.ReplaceAllString(rest, "\x00")
	if at := strings.LastIndexAny(rest, ":@"); at > strings.LastIndex(rest, "/") {
		rest = rest[:at]
	}
	parts, known := strings.Split(strings.TrimSuffix(rest, "/"), "/"), 0
	for _, part := range parts {
		if part != "" && !strings.Contains(part, "\x00") {
			known++
		}
	}
	if known < 2 || strings.Contains(parts[0], "\x00") {
		return nil
	}
	pattern, err := regexp.Compile("^oci://" + strings.ReplaceAll(
		regexp.QuoteMeta(strings.TrimSuffix(rest, "/")), "\x00", `.+`) + "$")
	if err != nil {
		return nil
	}
	return pattern
}

// produces notes a generator of artifacts.
func (c *cluster) produces(o fleet.Object, object map[string]any) {
	c.generators = append(c.generators, object)
	made := generated(object)
	spec, _ := object["spec"].(map[string]any)
	if artifacts := mappings(spec["artifacts"]); len(made) < len(artifacts) || len(artifacts) == 0 {
		c.fact.Incomplete = append(c.fact.Incomplete, fleet.Incomplete{
			Kind: fleet.UnknownProducer, Why: "the " + o.Kind + " " + o.Name + " makes further objects",
			Origin: o.Origin})
	}
}
