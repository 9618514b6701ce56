package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rollcall-dev/rollcall/"

// mayImport gives each package the other packages of the module that it may import; its tests may import any.
var mayImport = map[string][]string{
	"":         {"internal/cli"},
	"cmd/lint": {"internal/cli"},
	"internal/cli": {"internal/apiserver", "internal/cache", "internal/change", "internal/checkout",
		"internal/config", "internal/edit", "internal/engine", "internal/failover", "internal/fix", "internal/fleet",
		"internal/loader", "internal/lsp", "internal/page", "internal/picture", "internal/report", "internal/revision",
		"internal/secret", "internal/shape", "internal/spelling", "internal/verify"},
	"cmd/webhook": {"internal/admission", "internal/artifact", "internal/checkout", "internal/config",
		"internal/fleet", "internal/live", "internal/loader", "internal/secret", "internal/serving"},
	"rules":           {},
	"internal/engine": {"internal/fleet", "internal/schema", "internal/secret", "internal/spelling", "rules"},
	"internal/admission": {"internal/config", "internal/fleet", "internal/secret", "internal/spelling",
		"internal/engine"},
	"deploy":             {},
	"internal/apiserver": {},
	"internal/artifact":  {},
	"tools/bench":        {"tools/installed"},
	"tools/installed":    {},
	"tools/benchwebhook": {"tools/installed", "internal/checkout", "internal/config", "internal/fleet",
		"internal/loader", "internal/engine"},
	"internal/cache":    {},
	"internal/canary":   {},
	"internal/checkout": {"internal/config", "internal/fleet", "internal/loader", "internal/engine"},
	"internal/config":   {"internal/fleet", "internal/glob", "internal/secret", "internal/spelling"},
	"internal/edit":     {"internal/fleet", "internal/secret"},
	"internal/example":  {"internal/config", "internal/fleet", "internal/loader", "internal/engine"},
	"internal/change":   {"internal/failover", "internal/fleet", "internal/secret"},
	"internal/failover": {"internal/fleet", "internal/secret"},

	"internal/fix": {"internal/checkout", "internal/edit", "internal/engine", "internal/fleet",
		"internal/loader"},
	"internal/fixture": {},
	"internal/flux":    {"internal/spelling"},
	"internal/fleet":   {"internal/flux", "internal/karmada"},
	"tools/gendocs": {"internal/change", "internal/config", "internal/example", "internal/failover",
		"internal/fleet", "internal/schema", "internal/engine"},
	"internal/karmada": {"internal/spelling"},
	"internal/live":    {"internal/fleet"},
	"internal/glob":    {},
	"internal/loader":  {"internal/fleet", "internal/glob", "internal/resourceset", "internal/secret"},
	"internal/lsp":     {"internal/fleet"},
	"tools/recall": {"internal/cache", "internal/config", "internal/fleet", "internal/loader",
		"internal/engine"},
	"internal/page":        {"internal/failover", "internal/fleet", "internal/picture"},
	"internal/picture":     {"internal/failover", "internal/fleet", "internal/secret"},
	"internal/report":      {"internal/change", "internal/fleet", "internal/secret"},
	"internal/resourceset": {},
	"internal/revision":    {},
	"internal/schema":      {"internal/fleet"},
	"internal/secret":      {"internal/fleet"},
	"internal/serving": {"internal/admission", "internal/checkout", "internal/config", "internal/engine",
		"internal/fleet", "internal/secret", "internal/spelling", "internal/verify"},
	"internal/shape":    {},
	"internal/spelling": {},
	"internal/verify":   {"internal/fleet", "internal/secret", "internal/spelling"},
}

// mayAskClusters are the packages with a cluster's client in them; none of the linter's program.
var mayAskClusters = []string{"cmd/webhook", "internal/live"}

// mayConnect are the packages that open connections. The linter's only one is apiserver, and of its files verify.go
// alone imports that: no other command can ask anybody anything. Of net/http, admission takes the codes' names.
var mayConnect = []string{"cmd/webhook", "internal/admission", "internal/apiserver", "internal/artifact",
	"tools/benchwebhook", "internal/live"}

// goPackage is a package as go list gives it.
type goPackage struct {
	ImportPath    string
	Imports, Deps []string
}

// TestImports holds the packages to the direction that docs/architecture.md gives.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, strings.TrimSuffix(module, "/")), "/")
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s: say in mayImport and in docs/architecture.md what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if other, ours := strings.CutPrefix(path, module); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", name, other)
			}
			if strings.HasPrefix(path, "github.com/open-policy-agent/opa/") && name != "internal/engine" {
				t.Errorf("%s imports %s; internal/engine is to be the only one", name, path)
			}
		}
		for _, path := range p.Imports {
			if (path == "net" || path == "net/http") && !slices.Contains(mayConnect, name) {
				t.Errorf("%s imports %s", name, path)
			}
		}
		// Flux's API types need one package of controller-runtime, which registers types and is no client.
		for _, path := range p.Deps {
			if slices.Contains(mayAskClusters, name) {
				break
			}
			if strings.HasPrefix(path, "k8s.io/client-go/") ||
				strings.HasPrefix(path, "sigs.k8s.io/controller-runtime/") &&
					path != "sigs.k8s.io/controller-runtime/pkg/scheme" {
				t.Errorf("%s depends on %s, a cluster's client", name, path)
			}
		}
	}
}

// TestVerifyAloneConnects holds every command but one to never opening a connection.
func TestVerifyAloneConnects(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var importers []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if spec.Path.Value == `"`+module+`internal/apiserver"` {
				importers = append(importers, name)
			}
		}
	}
	if !slices.Equal(importers, []string{"verify.go"}) {
		t.Errorf("internal/apiserver is imported by %q", importers)
	}
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}
