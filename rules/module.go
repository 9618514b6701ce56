package rules

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/rollcall-dev/rollcall/internal/schema"
)

// maxModule is far more than a rule needs, in bytes.
const maxModule = 1 << 20

// source is a folder of Rego files; name is what stands before their paths in errors.
type source struct {
	name string
	fsys fs.FS
}

// module is one Rego file.
type module struct {
	file string
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
	var modules []module
	type place struct {
		file   string
		folder int
	}
	packages := map[string]place{}
	for folder, src := range sources {
		err := fs.WalkDir(src.fsys, ".", func(file string, d fs.DirEntry, err error) error {
			if err != nil || ctx.Err() != nil {
				return cmp.Or(err, ctx.Err())
			}
			if d.IsDir() || !strings.HasSuffix(file, ".rego") || strings.HasSuffix(file, "_test.rego") {
				return nil
			}
			m, err := readModule(src, file)
			if err != nil {
				return err
			}
			name := m.Package.Path.String()
			if other, ok := packages[name]; ok { // Rego would OR the rules of both
				here, there := m.file, other.file
				if here == there { // both in the user's folders, which have numbers and no names
					here, there = fmt.Sprintf("%s of rule folder %d", here, folder), fmt.Sprintf("%s of rule folder %d", there, other.folder)
				}
				return fmt.Errorf("%s: package %s is already in %s", here, m.Package.Path, there)
			}
			packages[name] = place{m.file, folder}
			modules = append(modules, m)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the rules: %w", err)
		}
	}
	return modules, nil
}

func readModule(src source, file string) (module, error) {
	full := path.Join(src.name, file)
	f, err := src.fsys.Open(file)
	if err != nil {
		return module{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxModule+1))
	if err != nil {
		return module{}, fmt.Errorf("%s: %w", full, err)
	}
	if len(text) > maxModule {
		return module{}, fmt.Errorf("%s: larger than %d bytes", full, maxModule)
	}
	parsed, err := parse(full, string(text))
	if err != nil {
		return module{}, err
	}
	m := module{full, parsed}
	if (m.root() != "rules" && m.root() != "lib") || len(m.Package.Path) != 3 || name(m.Package.Path, 2) == "" {
		return module{}, fmt.Errorf(`%s: package %s must be rules["<id>"] or lib.<name>`, m.Package.Location, m.Package.Path)
	}
	return m, nil
}

func parse(file, text string) (*ast.Module, error) {
	return ast.ParseModuleWithOpts(file, text, ast.ParserOptions{
		ProcessAnnotation: true,
		RegoVersion:       ast.RegoV1,
		Capabilities:      capabilities(),
	})
}

// unclocked are built-ins that read the clock and that OPA does not mark as nondeterministic.
var unclocked = []string{
	"crypto.x509.parse_and_verify_certificates",
	"crypto.x509.parse_and_verify_certificates_with_options",
	"io.jwt.decode_verify",
}

// capabilities are OPA's without the network, the clock, chance and the process: the same fleet gets the same findings.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.IsNondeterministic() || slices.Contains(unclocked, b.Name)
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

func compile(modules []module) (*ast.Compiler, error) {
	parsed := map[string]*ast.Module{}
	for _, root := range []string{"rules", "lib"} {
		m, err := parse("typing of "+root, fmt.Sprintf(typing, root))
		if err != nil {
			return nil, err
		}
		parsed["typing of "+root] = m
	}
	for i, m := range modules {
		parsed[fmt.Sprintf("%s (%d)", m.file, i)] = m.Module
	}
	schemas, err := schemaSet()
	if err != nil {
		return nil, err
	}
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true).WithSchemas(schemas).
		WithUseTypeCheckAnnotations(true)
	if c.Compile(parsed); c.Failed() {
		return nil, c.Errors
	}
	return c, nil
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
