package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Another run says the same: without a cache, with one that knows all of the tree, a part of it or an earlier
// state of it, with the verdict of the last run, and in an editor that stays. So it is for trees made by chance,
// of what Flux reads in more ways than one, after edits by chance: one of three a day, all of them with
// ROLLCALL_ALL; and for those in the folders that ROLLCALL_CORPUS=dir:dir names, each with as many edits, up to
// eight, as two minutes have room for.
func TestSameEveryTime(t *testing.T) {
	for seed := range uint64(3) {
		if os.Getenv("ROLLCALL_ALL") == "" && int(seed) != time.Now().YearDay()%3 {
			continue // another one each day
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			s := newSameness(t, r)
			for name, text := range chanceTree(r) {
				s.write(t, name, text)
			}
			s.compare(t, "at first")
			for range 12 {
				s.compare(t, s.edit(t))
			}
		})
	}
	for _, dir := range filepath.SplitList(os.Getenv("ROLLCALL_CORPUS")) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			s := newSameness(t, rand.New(rand.NewPCG(1, 1)))
			err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
				switch {
				case err != nil:
					return err
				case d.IsDir() && d.Name() == ".git":
					return fs.SkipDir
				case !d.Type().IsRegular():
					return nil
				}
				data, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				rel, err := filepath.Rel(dir, name)
				s.write(t, filepath.ToSlash(rel), string(data))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			s.compare(t, "at first")
			for n := range 8 {
				if time.Since(start) > 2*time.Minute {
					t.Logf("after %d edits of 8 its time is over", n)
					break
				}
				s.compare(t, s.edit(t))
			}
		})
	}
}

// sameness is a tree in a folder, and what it was read by.
type sameness struct {
	r     *rand.Rand
	dir   string
	files map[string]string
	// gone are files that were taken away, or changed, as they were.
	gone    map[string]string
	caches  []string
	editor  *workspaces
	written time.Time
}

func newSameness(t *testing.T, r *rand.Rand) *sameness {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &sameness{r: r, dir: dir, files: map[string]string{}, gone: map[string]string{},
		caches: []string{t.TempDir(), t.TempDir()},
		// Files that were left alone for a while are known by their times.
		written: time.Now().Add(-24 * time.Hour)}
	s.editor = &workspaces{app: &app{stderr: os.Stderr, getenv: noEnvironment, isTerminal: func(io.Writer) bool {
		return false
	}, root: dir, noCache: true}, trees: map[string]*workspace{}}
	t.Cleanup(s.editor.close)
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sameness) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(s.dir, filepath.FromSlash(name))
	s.files[name] = text
	s.written = s.written.Add(time.Second)
	for _, err := range []error{os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644),
		os.Chtimes(file, s.written, s.written)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// edit changes one file by chance, and says how.
func (s *sameness) edit(t *testing.T) string {
	t.Helper()
	names := slices.Sorted(maps.Keys(s.files))
	if back := slices.Sorted(maps.Keys(s.gone)); len(back) > 0 && s.r.IntN(3) == 0 {
		name := back[s.r.IntN(len(back))]
		s.write(t, name, s.gone[name])
		delete(s.gone, name)
		return name + " as it was"
	}
	name := names[s.r.IntN(len(names))]
	for !strings.HasSuffix(name, ".yaml") {
		name = names[s.r.IntN(len(names))]
	}
	if _, known := s.gone[name]; !known {
		s.gone[name] = s.files[name]
	}
	lines := strings.SplitAfter(s.files[name], "\n")
	i := s.r.IntN(len(lines))
	at := fmt.Sprintf(" in %s:%d", name, i+1)
	how := ""
	switch s.r.IntN(6) {
	case 0:
		if err := os.Remove(filepath.Join(s.dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
		delete(s.files, name)
		return "without " + name
	case 1:
		lines, how = slices.Delete(lines, i, i+1), "a line less"
	case 2:
		lines, how = slices.Insert(lines, i, lines[i]), "a line twice"
	case 3:
		lines, how = slices.Insert(lines, 0, "# rollcall:ignore variables-defined -- by chance\n"), "a comment"
	case 4:
		lines[i], how = strings.Replace(lines[i], ": ", ": x", 1), "a letter more"
	default:
		other := strings.SplitAfter(s.files[names[s.r.IntN(len(names))]], "\n")
		lines[i], how = other[s.r.IntN(len(other))], "a line from elsewhere"
	}
	s.write(t, name, strings.Join(lines, ""))
	return how + at
}

// took is what differs from run to run.
var took = regexp.MustCompile(`, in [0-9.]+m?s\n`)

// outcome is all that a run of the program says.
func (s *sameness) outcome(args ...string) string {
	var stdout, stderr bytes.Buffer
	code := run(append(args, "--root", s.dir, s.dir), nil, &stdout, &stderr, noEnvironment)
	return fmt.Sprintf("exit code %d\n%s\n%s", code, took.ReplaceAllString(stderr.String(), "\n"), stdout.String())
}

// compare runs the program in each of the ways.
func (s *sameness) compare(t *testing.T, what string) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1 + s.r.IntN(4)))
	outputs := [][]string{{"-o", "text", "--fail-on", "warning"}, {"-o", "sarif"}, {"-o", "github"}, {"-o", "oneline"},
		{"facts"}, {"facts", "--unknown"}, {"--diff"}}
	output := outputs[s.r.IntN(len(outputs))]
	cold, want := s.outcome("-o", "json", "--no-cache"), s.outcome(append(slices.Clone(output), "--no-cache")...)
	// One cache sees every state of the tree, the other one some of them.
	caches := s.caches[:1+s.r.IntN(2)]
	for _, cache := range caches {
		for _, how := range []string{"with a cache", "with what the last run has kept"} {
			if got := s.outcome("-o", "json", "--cache-dir", cache); got != cold {
				t.Fatalf("%s, %s:\n%s\nwithout:\n%s", what, how, got, cold)
			}
		}
		if got := s.outcome(append(slices.Clone(output), "--cache-dir", cache)...); got != want {
			t.Fatalf("%s, %q with a cache:\n%s\nwithout:\n%s", what, output, got, want)
		}
	}
	cold = countExcepted.ReplaceAllString(cold, "") // which an editor shows nowhere
	if got := s.inEditor(t); !strings.HasSuffix(cold, got) && !strings.HasPrefix(cold, "exit code 2") {
		t.Fatalf("%s, in an editor:\n%s\nwithout:\n%s", what, got, cold)
	}
}

// inEditor is the report on the tree as an editor has it that stays: the file that is edited is a
// document there for a moment.
var countExcepted = regexp.MustCompile(`,\s*"findingsExcepted": \d+`)

func (s *sameness) inEditor(t *testing.T) string {
	t.Helper()
	names := slices.Sorted(maps.Keys(s.files))
	name := names[s.r.IntN(len(names))]
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	for _, text := range []string{s.files[name], s.files[name] + "# more\n", s.files[name]} {
		for _, edited := range []bool{false, true} {
			if _, err := s.editor.Lint(context.Background(), map[string][]byte{path: []byte(text)},
				edited); err != nil {
				return err.Error()
			}
		}
	}
	tree := s.editor.trees[s.dir]
	if tree == nil {
		return "the editor has no such tree"
	}
	if tree.fleet == nil {
		return "the editor has not read the tree"
	}
	var b bytes.Buffer
	report := tree.checked.verdict().report(tree.tree)
	if err := report.JSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// chanceTree is a fleet made by chance: clusters that share folders and variables, Lists, generators, components,
// patches, remote bases, and policies and agents with faults in them.
func chanceTree(r *rand.Rand) map[string]string {
	files := map[string]string{}
	maybe := func(of int, text string) string {
		if r.IntN(of) == 0 {
			return text
		}
		return ""
	}
	clusters := []string{"north", "south", "east", "west"}[:2+r.IntN(3)]
	kustomization := func(name, path, more string) string {
		return "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: " + name +
			"\n  namespace: flux-system\nspec:\n" +
			"  interval: 10m\n  prune: true\n  path: ./" + path +
			"\n  sourceRef:\n    kind: GitRepository\n    name: flux-system\n" + more + "---\n"
	}
	for i, c := range clusters {
		dir := "clusters/" + c
		files[dir+"/flux-system/gotk-sync.yaml"] =
			"apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata:\n  name: flux-system\n  namespace: flux-system\n" +
				"spec:\n  interval: 1m\n  url: https://git.example.test/fleet.git\n---\n" +
				kustomization("flux-system", dir, "")
		post := "  postBuild:\n    substitute:\n      CLUSTER_NAME: " + c + "\n" + maybe(2, "      REPLICAS: \"3\"\n") +
			maybe(2, "    substituteFrom:\n    - kind: ConfigMap\n      name: settings\n") +
			maybe(3, "  decryption:\n    provider: sops\n") +
			maybe(4, "  components: [../components/label]\n") + maybe(4, "  dependsOn:\n  - name: nobody\n") +
			maybe(4, "  patches:\n  - patch: |\n      - {op: add, path: /metadata/labels, value: {a: \"${PATCHED}\"}}\n    target: {kind: ConfigMap}\n")
		files[dir+"/apps.yaml"] = kustomization("apps-"+c, "base", post) + kustomization("shared", "base/apps", post) +
			maybe(2, kustomization("own", dir+"/own", post)) + maybe(3, kustomization("lost", "lost", ""))
		files[dir+"/settings.yaml"] =
			"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: flux-system\ndata:\n  ZONE: zone-" + c + "\n" + maybe(2, "  REPLICAS: \"4\"\n")
		if i == 0 {
			files[dir+"/karmada.yaml"] = chanceRelease("karmada",
				"    installMode: host\n    certs:\n      auto:\n        hosts: [karmada.example.test]\n")
		}
		files[dir+"/agent.yaml"] = chanceRelease("karmada-agent",
			"    installMode: agent\n    agent:\n      clusterName: "+maybe(4, "x")+c+
				"\n      kubeconfig:\n        server: https://karmada.example.test\n") +
			"---\n" + maybe(2,
			"apiVersion: v1\nkind: Secret\nmetadata:\n  name: agent\n  namespace: karmada-system\nstringData:\n  tls.key: not-a-real-key-"+c+"\n")
		files[dir+"/own/list.yaml"] = "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat(
			"- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: \"own-${ZONE}\", namespace: default}\n  data:\n    n: \"${REPLICAS}\"\n    script: |\n      one\n      ${UNDEFINED_"+strings.ToUpper(c)+"}\n", 1+r.IntN(2))
	}
	files["base/kustomization.yaml"] =
		"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: default\nresources:\n- apps\n- policies.yaml\n" +
			maybe(2, "- https://github.com/example/remote//base?ref=v1\n") + maybe(3, "- missing.yaml\n") +
			maybe(2, "components:\n- ../components/label\n") +
			"configMapGenerator:\n- name: scripts\n  files:\n  - run.sh\n  literals:\n  - a=${LITERAL}\n" +
			maybe(2, "  options:\n    disableNameSuffixHash: true\n") +
			"secretGenerator:\n- name: generated\n  envs:\n  - settings.env\n" +
			maybe(2, "patches:\n- path: patch.yaml\n")
	files["base/run.sh"] = "#!/bin/sh\necho ${SCRIPT}\n"
	files["base/settings.env"] = "USER=me\nPASSWORD=not-a-real-password\n"
	files["base/patch.yaml"] =
		"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: ${REPLICAS}\n"
	files["base/apps/list.yaml"] =
		"apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web, namespace: default}\n" +
			"  spec:\n    replicas: 2\n    template:\n      spec:\n        containers:\n        - {name: web, image: \"web:${TAG}\", env: [{name: A_PASSWORD, value: not-a-real-one}]}\n" +
			"- apiVersion: v1\n  kind: Secret\n  metadata: {name: plain, namespace: default}\n  data: {token: bm90LWEtcmVhbC10b2tlbg==}\n  stringData: {n: \"1\"}\n"
	files["base/apps/service.yaml"] =
		"apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: default\nspec:\n  ports: [{port: 80, targetPort: 8080}]\n"
	weights := ""
	for _, c := range clusters {
		weights += fmt.Sprintf("        - {targetCluster: {clusterNames: [%s%s]}, weight: %d}\n", maybe(4, "y"), c,
			r.IntN(3))
	}
	files["base/policies.yaml"] =
		"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata:\n  name: web\n  namespace: default\nspec:\n" +
			"  resourceSelectors:\n  - {apiVersion: apps/v1, kind: Deployment, name: web}\n" +
			maybe(2, "  - {apiVersion: v1, kind: Service, name: nothing}\n") +
			"  placement:\n    clusterAffinity:\n      clusterNames: [" + strings.Join(clusters, ", ") +
			"]\n    replicaScheduling:\n      replicaSchedulingType: Divided\n" +
			"      replicaDivisionPreference: Weighted\n      weightPreference:\n        staticWeightList:\n" +
			weights +
			maybe(2, "    spreadConstraints: [{maxGroups: 1, minGroups: 1}]\n") +
			maybe(2, "  failover:\n    application: {decisionConditions: {tolerationSeconds: 30}}\n")
	files["components/label/kustomization.yaml"] =
		"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels:\n- pairs: {by: component}\n" +
			maybe(2, "replicas:\n- {name: web, count: 3}\n")
	files["stray/secret.yaml"] =
		"apiVersion: v1\nkind: Secret\nmetadata: {name: stray}\nstringData: {password: not-a-real-password}\n"
	files[".rollcall.yaml"] = "failover:\n  order: [" + strings.Join(clusters[1:], ", ") + "]\n" +
		maybe(2, "members: ["+strings.Join(clusters[1:], ", ")+"]\n") + maybe(3, "exclude: [stray]\n")
	return files
}

// chanceRelease is a release of Karmada's chart.
func chanceRelease(name, values string) string {
	return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: " + name +
		"\n  namespace: karmada-system\nspec:\n  interval: 30m\n" +
		"  chart:\n    spec:\n      chart: karmada\n      version: 1.18.2\n      sourceRef: {kind: HelmRepository, name: karmada}\n  values:\n" + values
}
