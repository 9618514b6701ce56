// Package flux asks a real Flux about the examples of Rollcall's rules.
package flux

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

// repository is the folder of the repository, from the folder of this package.
const repository = "../.."

// seenFile holds what Flux said of each example: rule, tree, cluster, object, status and reason of its
// condition Ready, message.
const seenFile = "testdata/seen.tsv"

// TestOracle has Flux reconcile the trees of each rule's example about Flux, SOPS or kustomize, and compares what it
// says of them with testdata/seen.tsv: the Kustomizations and what they are made from, where they are not Ready; "True"
// for a cluster where all are, and "Unknown" where one needs what this machine does not have. ROLLCALL_RULES=a,b asks
// about those rules alone, ROLLCALL_PART=k/n about a part of them, and UPDATE=1 writes the file.
func TestOracle(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "rollcall")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, got := readSeen(t), sync.Map{}
	var asked, unknown atomic.Int32
	t.Run("examples", func(t *testing.T) {
		for _, rule := range chosen(t) {
			for _, tree := range treesOf(t, rule) {
				for _, c := range tree.clusters(t, bin) {
					t.Run(strings.Join([]string{rule, tree.name, c.name}, "/"), func(t *testing.T) {
						t.Parallel()
						lines, key := tree.ask(t, c), strings.Join([]string{rule, tree.name, c.name}, "\t")
						got.Store(key, lines)
						asked.Add(1)
						if isUnknown(lines) {
							unknown.Add(1)
						}
						if text := strings.Join(lines, "\n"); os.Getenv("UPDATE") == "" && !isUnknown(lines) &&
							!isUnknown(want[key]) && text != strings.Join(want[key], "\n") {
							t.Errorf("Flux says\n%s\n%s has\n%s", text, seenFile, strings.Join(want[key], "\n"))
						}
					})
				}
			}
		}
	})
	if os.Getenv("UPDATE") != "" {
		writeSeen(t, want, &got)
	}
	if asked, unknown := asked.Load(), unknown.Load(); unknown > asked/2 {
		t.Errorf("of %d trees Flux says nothing about %d", asked, unknown)
	}
}

// isUnknown is true for what Flux says where one of its objects needs what this machine does not have, or where its
// time is over: no other answer contradicts it.
func isUnknown(lines []string) bool {
	return len(lines) == 1 && strings.HasPrefix(lines[0], "-\tUnknown\t")
}

// kinds are the groups of subjects that Flux's controllers know; a rule about any of them is asked about, and so is
// one about Secrets and files.
var kinds = regexp.MustCompile(`toolkit\.fluxcd\.io|"?\bSecret\b|\bFile\b`)

// chosen are the rules to ask about.
func chosen(t *testing.T) (rules []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "rules", "*.rego"))
	if err != nil || len(files) == 0 {
		t.Fatal("no rules")
	}
	only := strings.FieldsFunc(os.Getenv("ROLLCALL_RULES"), func(r rune) bool { return r == ',' })
	part, parts, _ := strings.Cut(cmp.Or(os.Getenv("ROLLCALL_PART"), "0/1"), "/")
	k, err := strconv.Atoi(part)
	must(t, err)
	n, err := strconv.Atoi(parts)
	must(t, err)
	for _, file := range files {
		id := strings.TrimSuffix(filepath.Base(file), ".rego")
		text, err := os.ReadFile(file)
		must(t, err)
		_, subjects, _ := strings.Cut(string(text), "#   subjects:")
		subjects, _, _ = strings.Cut(subjects, "\n#   s")
		subjects, _, _ = strings.Cut(subjects, "\npackage")
		h := fnv.New32a()
		h.Write([]byte(id))
		if kinds.MatchString(subjects) && (len(only) == 0 || slices.Contains(only, id)) &&
			int(h.Sum32()%uint32(n)) == k%n {
			rules = append(rules, id)
		}
	}
	return rules
}

// tree is one of an example's.
type tree struct {
	name  string
	files map[string]string
}

var wants = regexp.MustCompile(`(?m)[ \t]*# want(-file)? [a-z0-9-]+( +"([^"\\]|\\.)*")+[ \t]*$`)

func treesOf(t *testing.T, rule string) (trees []tree) {
	t.Helper()
	archive, err := os.ReadFile(filepath.Join(repository, "testdata", "rules", rule+".txtar"))
	must(t, err)
	for _, f := range txtar.Parse(archive).Files {
		top, name, _ := strings.Cut(f.Name, "/")
		i := slices.IndexFunc(trees, func(t tree) bool { return t.name == top })
		if i < 0 {
			i = len(trees)
			trees = append(trees, tree{top, map[string]string{}})
		}
		text := string(f.Data)
		for text != wants.ReplaceAllString(text, "") {
			text = wants.ReplaceAllString(text, "")
		}
		trees[i].files[name] = text
	}
	return trees
}

// cluster is one that Flux reconciles, and the namespaces of its objects.
type cluster struct {
	name, entry string
	namespaces  []string
}

// clusters are those of the tree whose entry point is in Git.
func (tr tree) clusters(t *testing.T, bin string) (all []cluster) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tr.files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), bin, "facts", "--no-cache", dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var facts struct {
		Clusters map[string]struct {
			Entry    string
			Declared bool
		}
		APIServers map[string]struct{ Cluster string }
		Objects    map[string]map[string]map[string]map[string]any
	}
	must(t, json.Unmarshal(out, &facts))
	for name, c := range facts.Clusters {
		if !c.Declared {
			continue
		}
		one := cluster{name: name, entry: c.Entry}
		for server, kinds := range facts.Objects {
			if facts.APIServers[server].Cluster != name {
				continue
			}
			for _, namespaces := range kinds {
				for namespace := range namespaces {
					one.namespaces = append(one.namespaces, namespace)
				}
			}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b cluster) int { return cmp.Compare(a.name, b.name) })
	return all
}

// addresses are those of repositories, which the Git server has in their place.
var addresses = regexp.MustCompile(
	`(?m)^(\s*url:\s*)["']?(https://|ssh://|git@)\S+\.git["']?\s*$|^(\s*url:\s*)["']?(https://git|ssh://git|https://git\S*\.test/)\S*["']?\s*$`)

// ask has Flux reconcile the tree as a cluster, from its entry point on.
func (tr tree) ask(t *testing.T, c cluster) (lines []string) {
	t.Helper()
	f := controlplane.StartFlux(t, nil)
	files := map[string]string{}
	for name, text := range tr.files {
		files[name] = addresses.ReplaceAllString(text, "${1}${3}"+f.Git+"/fleet.git")
	}
	f.Push(t, "fleet", files)
	ctx := t.Context()
	// Where nobody makes a namespace in the example, something else does: that it is missing is another fault.
	for _, name := range c.namespaces {
		if !validName.MatchString(name) {
			continue
		}
		err := f.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	keys, err := os.ReadFile(filepath.Join(repository, "testdata", "keys.txt"))
	must(t, err)
	for _, name := range []string{"sops-age", "sops-keys", "sops"} {
		must(t, f.Client.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "flux-system"},
			Data: map[string][]byte{"age.agekey": keys}}))
	}
	f.Apply(t, fmt.Sprintf(entry, f.Git, "./"+strings.TrimPrefix(c.entry, "./")))
	return settled(t, f)
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// entry is what flux bootstrap applies. Where the tree has the same objects, Flux takes those from then on.
const entry = `
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1h, url: "%s/fleet.git", ref: {branch: main}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec:
  interval: 1h
  path: %q
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
  decryption: {provider: sops, secretRef: {name: sops-age}}
`

// calm is how long nothing may change until Flux counts as done: a dependency is asked for again after 2 s. Where an
// object is still being worked on, as one whose health checks wait, it is waits.
const calm, waits = 6 * time.Second, 40 * time.Second

// settled waits until nothing that Flux says changes any more, and gives it, a line an object.
func settled(t *testing.T, f *controlplane.Flux) []string {
	t.Helper()
	var last []string
	var since time.Time
	controlplane.Await(t, "Flux to be done", func(ctx context.Context) error {
		lines, busy, err := says(ctx, f)
		if err != nil {
			return err
		}
		if !slices.Equal(lines, last) {
			last, since = lines, time.Now()
		}
		least := calm
		if busy {
			least = waits
		}
		if time.Since(since) < least {
			return fmt.Errorf("it says\n%s", strings.Join(lines, "\n"))
		}
		return nil
	})
	return last
}

// says is the condition Ready of each object of Flux's that is not ready. What Flux cannot
// reach from here says nothing.
func says(ctx context.Context, f *controlplane.Flux) (lines []string, busy bool, err error) {
	unknown := false
	for _, kind := range []schema.GroupVersionKind{
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "HelmRepository"},
		{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"},
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"},
	} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := f.Client.List(ctx, list); err != nil {
			return nil, true, err
		}
		for _, o := range list.Items {
			r := ready(o)
			switch {
			case r.suspended:
				continue
			case r.status == "" && kind.Kind == "HelmRepository": // an OCI one has no conditions
				continue
			case r.status == "" || r.status == "Unknown" && r.reason != "DependencyNotReady" ||
				r.observed != o.GetGeneration():
				busy = true
			case r.status == "True":
				continue
			case unreachable.MatchString(r.message):
				unknown = true
				continue
			}
			lines = append(lines, strings.Join([]string{kind.Kind + " " + o.GetNamespace() + "/" + o.GetName(),
				r.status, r.reason, clean(r.message)}, "\t"))
		}
	}
	slices.Sort(lines)
	switch {
	case len(lines) > 0:
	case unknown:
		lines = []string{"-\tUnknown\t-\t"}
	default:
		lines = []string{"-\tTrue\tReady\t"}
	}
	return lines, busy, nil
}

// unreachable is what is said of what this machine does not have: a source elsewhere, a key that
// nobody has, a CRD of others.
var unreachable = regexp.MustCompile(
	`cannot get sops data key|couldn't find remote ref|feature gate is disabled|no matches for kind "(ResourceSet|FluxInstance|ExternalSecret|SealedSecret)"|dial tcp|no such host|connection refused|context deadline exceeded|Client\.Timeout|HelmChart '[^']+' is not ready|source is not ready|Source artifact not found|TLS handshake|unable to connect|server misbehaving|proxyconnect`)

// condition is the condition Ready of an object.
type condition struct {
	status, reason, message string
	observed                int64
	suspended               bool
}

func ready(o unstructured.Unstructured) (r condition) {
	r.suspended, _, _ = unstructured.NestedBool(o.Object, "spec", "suspend")
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Ready" {
			r.status, _ = c["status"].(string)
			r.reason, _ = c["reason"].(string)
			r.message, _ = c["message"].(string)
			r.observed, _ = c["observedGeneration"].(int64)
		}
	}
	return r
}

// changing is what differs between two runs: folders, addresses, revisions, durations.
var changing = []struct {
	form *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`/\S*/kustomization-\d+`), "…"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`sha1:[0-9a-f]{7,40}`), "sha1:…"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|s)\b`), "…s"},
	{regexp.MustCompile(`\s+`), " "},
}

// maxMessage bounds a message, in characters.
const maxMessage = 240

func clean(message string) string {
	for _, c := range changing {
		message = c.form.ReplaceAllString(message, c.by)
	}
	if r := []rune(strings.TrimSpace(message)); len(r) > maxMessage {
		return string(r[:maxMessage]) + "…"
	} else {
		return string(r)
	}
}

func readSeen(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(seenFile)
	if err != nil && os.Getenv("UPDATE") == "" {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		if len(f) == 4 && !strings.HasPrefix(line, "#") {
			key := strings.Join(f[:3], "\t")
			all[key] = append(all[key], f[3])
		}
	}
	return all
}

func writeSeen(t *testing.T, want map[string][]string, got *sync.Map) {
	t.Helper()
	got.Range(func(key, lines any) bool {
		want[key.(string)] = lines.([]string)
		return true
	})
	keys := make([]string, 0, len(want))
	for key := range want {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b strings.Builder
	b.WriteString(
		"# What a real Flux says of the rules' examples: rule, tree, cluster, object, Ready, reason, message. UPDATE=1 writes it.\n")
	for _, key := range keys {
		for _, line := range want[key] {
			b.WriteString(key + "\t" + line + "\n")
		}
	}
	must(t, os.WriteFile(seenFile, []byte(b.String()), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
