package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/open-policy-agent/opa/v1/ast"
	"golang.org/x/sync/errgroup"

	"github.com/rollcall-dev/rollcall/internal/schema"
)

// maxModule is far more than a rule needs, in bytes.
const maxModule = 1 << 20

// source is a folder of Rego files; name is what stands before their paths in errors. One without a file system is
// left out.
type source struct {
	name string
	fsys fs.FS
	// checked: tests and opa check have seen to the types, which takes a third of the time to compile.
	checked bool
}

// module is one Rego file.
type module struct {
	file   string
	folder int // of moduleText
	*ast.Module
}

// isRule tells a rule from a library.
func (m module) isRule() bool {
	return m.root() == "rules"
}

// root is the first name of the package after data.
func (m module) root() string {
	return name(m.Package.Path, 1)
}

// name is the i-th part of a package's path, empty where there is none.
func name(path ast.Ref, i int) string {
	if i >= len(path) {
		return ""
	}
	s, _ := path[i].Value.(ast.String)
	return string(s)
}

// readModules parses the Rego files of all sources but their tests, in the order of the sources and paths. The first
// source is the program's own; the user's folders count from 1.
func readModules(ctx context.Context, sources []source) ([]module, error) {
	texts, err := readTexts(ctx, sources)
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	modules, errs := make([]module, len(texts)), make([]error, len(texts))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	allowed := capabilities()
	for i, t := range texts {
		g.Go(func() error {
			modules[i], errs[i] = t.parse(allowed)
			return nil
		})
	}
	_ = g.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 { // the first one, each time
		return nil, fmt.Errorf("read the rules: %w", errs[i])
	}
	packages := map[string]int{}
	for i, m := range modules {
		name := m.Package.Path.String()
		if other, ok := packages[name]; ok { // Rego would OR the rules of both
			here, there := m.file, modules[other].file
			if here == there { // both in the user's folders, which have numbers and no names
				here, there = fmt.Sprintf("%s of rule folder %d", here, texts[i].folder),
					fmt.Sprintf("%s of rule folder %d", there, texts[other].folder)
			}
			return nil, fmt.Errorf("read the rules: %s: package %s is already in %s", here, m.Package.Path, there)
		}
		packages[name] = i
	}
	return modules, nil
}

// moduleText is a Rego file that is not parsed yet. The program's own folder is 0.
type moduleText struct {
	file, text string
	folder     int
}

func readTexts(ctx context.Context, sources []source) ([]moduleText, error) {
	var texts []moduleText
	for folder, src := range sources {
		if src.fsys == nil {
			continue
		}
		err := fs.WalkDir(src.fsys, ".", func(file string, d fs.DirEntry, err error) error {
			if err != nil || ctx.Err() != nil {
				return cmp.Or(err, ctx.Err())
			}
			if d.IsDir() || !strings.HasSuffix(file, ".rego") || strings.HasSuffix(file, "_test.rego") {
				return nil
			}
			text, err := readFile(src, file)
			texts = append(texts, moduleText{path.Join(src.name, file), text, folder})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return texts, nil
}

func readFile(src source, file string) (string, error) {
	full := path.Join(src.name, file)
	f, err := src.fsys.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxModule+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", full, err)
	}
	if len(text) > maxModule {
		return "", fmt.Errorf("%s: larger than %d bytes", full, maxModule)
	}
	return string(text), nil
}

func (t moduleText) parse(allowed *ast.Capabilities) (module, error) {
	parsed, err := parse(t.file, t.text, allowed)
	if err != nil {
		return module{}, err
	}
	m := module{t.file, t.folder, parsed}
	if (m.root() != "rules" && m.root() != "lib") || len(m.Package.Path) != 3 || name(m.Package.Path, 2) == "" {
		return module{}, fmt.Errorf(`%s: package %s must be rules["<id>"] or lib.<name>`, m.Package.Location,
			m.Package.Path)
	}
	return m, nil
}

func parse(file, text string, allowed *ast.Capabilities) (*ast.Module, error) {
	return ast.ParseModuleWithOpts(file, text, ast.ParserOptions{
		ProcessAnnotation: true,
		RegoVersion:       ast.RegoV1,
		Capabilities:      allowed,
	})
}

// clockBuiltins are built-ins that read the clock and that OPA does not mark as nondeterministic.
var clockBuiltins = []string{
	"crypto.x509.parse_and_verify_certificates",
	"crypto.x509.parse_and_verify_certificates_with_options",
	"io.jwt.decode_verify",
}

// unbounded are built-ins that OPA cannot stop and whose time or memory does not depend on their operands' size.
var unbounded = []string{"bits.lsh", "graph.reachable_paths", "regex.globs_match"}

// capabilities are OPA's without the network, the clock, chance and the process: the same fleet gets the same findings.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.IsNondeterministic() || slices.Contains(clockBuiltins, b.Name) || slices.Contains(unbounded, b.Name)
	})
	c.AllowNet = []string{}
	return c
}

// typing tells the compiler the types of input and data.fleet in each package of a root, so that rules need no schemas
// in their METADATA.
const typing = `# METADATA
# scope: subpackages
# schemas:
#   - input: schema.input
#   - data.fleet: schema.facts
package %s
`

func compile(modules []module, checked bool) (*ast.Compiler, error) {
	allowed := capabilities()
	parsed := map[string]*ast.Module{}
	for i, m := range modules {
		parsed[fmt.Sprintf("%s (%d)", m.file, i)] = m.Module
	}
	c := ast.NewCompiler().WithCapabilities(allowed).WithStrict(true)
	if checked {
		c = c.WithSkipStages(ast.StageCheckTypes)
	} else if err := typed(c, parsed, allowed); err != nil {
		return nil, err
	}
	if c.Compile(parsed); c.Failed() {
		return nil, c.Errors
	}
	return c, nil
}

// typed makes the compiler check the modules against the schemas of input and data.fleet.
func typed(c *ast.Compiler, modules map[string]*ast.Module, allowed *ast.Capabilities) error {
	for _, root := range []string{"rules", "lib"} {
		m, err := parse("typing of "+root, fmt.Sprintf(typing, root), allowed)
		if err != nil {
			return err
		}
		modules["typing of "+root] = m
	}
	schemas, err := schemaSet()
	if err != nil {
		return err
	}
	c.WithSchemas(schemas).WithUseTypeCheckAnnotations(true)
	return nil
}

func schemaSet() (*ast.SchemaSet, error) {
	set := ast.NewSchemaSet()
	for name, s := range map[string]*jsonschema.Schema{"input": schema.Input(nil), "facts": schema.Facts(nil)} {
		form, err := forOPA(s)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", name, err)
		}
		set.Put(ast.SchemaRootRef.Append(ast.StringTerm(name)), form)
	}
	return set, nil
}

// forOPA is the part of a schema that OPA's type checker understands: without an id, which it would look up, and with
// X for "X or null", which it would take for anything.
func forOPA(s *jsonschema.Schema) (any, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var form map[string]any
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, err
	}
	delete(form, "$id")
	delete(form, "$schema")
	return withoutNull(form), nil
}

func withoutNull(v any) any {
	switch v := v.(type) {
	case map[string]any:
		if options, ok := v["anyOf"].([]any); ok {
			return withoutNull(options[0])
		}
		for k := range v {
			v[k] = withoutNull(v[k])
		}
	case []any:
		for i := range v {
			v[i] = withoutNull(v[i])
		}
	}
	return v
}
