package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rollcall-dev/rollcall/"

// mayImport gives each package the other packages of the module that it may import; its tests may import any.
var mayImport = map[string][]string{
	"cmd/lint":           {"internal/cache", "internal/checkout", "internal/config", "internal/edit", "internal/failover", "internal/fleet", "internal/loader", "internal/report", "internal/spelling", "rules"},
	"cmd/webhook":        {"internal/admission", "internal/checkout", "internal/config", "internal/fleet", "internal/loader", "rules"},
	"internal/admission": {"internal/config", "internal/fleet", "internal/secret", "internal/spelling", "rules"},
	"internal/bench":     {},
	"internal/cache":     {},
	"internal/checkout":  {"internal/config", "internal/fleet", "internal/loader", "rules"},
	"internal/config":    {"internal/fleet", "internal/spelling"},
	"internal/edit":      {"internal/fleet", "internal/secret"},
	"internal/example":   {"internal/config", "internal/fleet", "internal/loader", "rules"},
	"internal/failover":  {"internal/fleet"},
	"rules":              {"internal/fleet", "internal/schema", "internal/spelling"},

	"internal/failover/chance": {"internal/failover", "internal/fleet"},
	"internal/fixture":         {},
	"internal/fleet":           {},
	"internal/gendocs":         {"internal/config", "internal/example", "internal/fleet", "internal/schema", "rules"},
	"internal/loader":          {"internal/fleet", "internal/secret"},
	"internal/recall":          {"internal/config", "internal/fleet", "internal/loader", "rules"},
	"internal/report":          {"internal/fleet", "internal/secret"},
	"internal/schema":          {"internal/fleet"},
	"internal/secret":          {"internal/fleet"},
	"internal/spelling":        {},
}

// mayAsk are the packages that may ask a cluster. No other one can: not even what it imports has a client.
var mayAsk = []string{"cmd/webhook"}

// goPackage is a package as go list gives it.
type goPackage struct {
	ImportPath    string
	Imports, Deps []string
}

// TestImports holds the packages to the direction that docs/architecture.md gives.
func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s: say in mayImport and in docs/architecture.md what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if other, ours := strings.CutPrefix(path, module); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", name, other)
			}
			if strings.HasPrefix(path, "github.com/open-policy-agent/opa/") && name != "rules" {
				t.Errorf("%s imports %s; rules is to be the only one", name, path)
			}
		}
		if slices.Contains(mayAsk, name) {
			continue
		}
		// Flux's API types need one package of controller-runtime, which registers types and is no client.
		for _, path := range p.Deps {
			if strings.HasPrefix(path, "k8s.io/client-go/") ||
				strings.HasPrefix(path, "sigs.k8s.io/controller-runtime/") && path != "sigs.k8s.io/controller-runtime/pkg/scheme" {
				t.Errorf("%s depends on %s, a cluster's client", name, path)
			}
		}
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
