package karmada

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// report is what rollcall failover says of one policy.
type report struct {
	Policy struct{ APIServer, Kind, Namespace, Name string }
	// Error says why there are no scenarios.
	Error     string
	Scenarios []scenario
}

// scenario is one row of the table.
type scenario struct {
	Lost []string
	// Replicas are the clusters' replicas, and Alternatives other ways in which they may be divided.
	Replicas     map[string]int
	Alternatives []map[string]int
	// Others are the clusters of objects without replicas.
	Others       []string
	Outcome, Why string
}

// fleet is a tree as Rollcall sees it.
type fleet struct {
	reports []report
	// objects are those that Flux would apply to the API servers of the policies, rendered, namespaces first.
	objects []*unstructured.Unstructured
}

// readFleet asks Rollcall's command line. A member without nodes has no room.
func readFleet(t *testing.T, root string) fleet {
	t.Helper()
	var said struct{ Policies []report }
	rollcall(t, &said, "failover", "--root", root, "-o", "json", "--capacity", "ottawa=0,robbinsdale=0,stpetersburg=0")
	var facts struct {
		Objects map[string]map[string]map[string]map[string]struct{ Object map[string]any }
	}
	rollcall(t, &facts, "facts", root)

	f := fleet{reports: said.Policies}
	for server, kinds := range facts.Objects {
		if !slices.ContainsFunc(f.reports, func(r report) bool { return r.Policy.APIServer == server }) {
			continue
		}
		for kind, namespaces := range kinds {
			if !isKarmadas(kind) {
				continue
			}
			for _, objects := range namespaces {
				for _, o := range objects {
					f.objects = append(f.objects, &unstructured.Unstructured{Object: o.Object})
				}
			}
		}
	}
	slices.SortFunc(f.objects, func(a, b *unstructured.Unstructured) int {
		return strings.Compare(place(a), place(b))
	})
	return f
}

// platform is what is there before any application: namespaces, roles, and policies for clusters.
func (f fleet) platform() (all []*unstructured.Unstructured) {
	for _, o := range f.objects {
		if o.GetNamespace() == "" || o.GroupVersionKind().Group == "rbac.authorization.k8s.io" {
			all = append(all, o)
		}
	}
	return all
}

// isKarmadas tells of a kind whether it is for Karmada to act on, or for its API server alone. In a tree where
// everything lies in one folder there are others beside them, for Flux.
func isKarmadas(kind string) bool {
	name, group, _ := strings.Cut(kind, ".")
	return group == "policy.karmada.io" || group == "rbac.authorization.k8s.io" || group == "apps" ||
		group == "" && slices.Contains([]string{"Namespace", "Service", "ConfigMap"}, name)
}

// place sorts objects by when they may be applied: namespaces before what is in them, and policies before what they
// select, so that the one of the highest priority claims it.
func place(o *unstructured.Unstructured) string {
	order := "1"
	switch {
	case o.GetKind() == "Namespace":
		order = "0"
	case o.GroupVersionKind().Group == "apps":
		order = "2"
	}
	return strings.Join([]string{order, o.GetKind(), o.GetNamespace(), o.GetName()}, "\x00")
}

// rollcall runs the command of this repository and reads the JSON that it prints.
func rollcall(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"run", ".", "--no-cache"}, args...)...)
	cmd.Dir, cmd.Stderr = repository, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
}

// repository is the folder of the repository, from the folder of this package.
const repository = "../.."

// tree is a copy of a tree of testdata, with edits: files by their path, and texts that are replaced wherever they are.
func tree(t *testing.T, name string, files map[string]string, replace ...string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join(repository, "testdata", name))); err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(replace); i += 3 {
		file := filepath.Join(root, replace[i])
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), replace[i+1]) {
			t.Fatalf("%s has no %q", replace[i], replace[i+1])
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(data), replace[i+1], replace[i+2])),
			0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
