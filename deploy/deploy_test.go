// Package deploy tests the manifests in its folder: that they build, that what they name is there, and that Rollcall's
// own rules find nothing in them.
package deploy

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/example"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// overlays are what a Flux Kustomization may name; the first is the one on a Karmada API server.
var overlays = []string{"karmada/apiserver", "karmada/self-made", "karmada/cert-manager", "flux/self-made",
	"flux/cert-manager"}

// object is one object of a build.
type object = map[string]any

// build builds a folder, with the components that spec.components of a Flux Kustomization adds.
func build(t *testing.T, dir string, components ...string) []object {
	t.Helper()
	memory := filesys.MakeFsInMemory()
	for name, file := range manifests(t) {
		text := string(file.Data)
		if name == path.Join(dir, "kustomization.yaml") {
			for _, component := range components {
				text = strings.Replace(text, "\ncomponents:\n", "\ncomponents:\n  - "+component+"\n", 1)
			}
		}
		if err := memory.WriteFile("/deploy/"+name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(memory, "/deploy/"+dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	var objects []object
	for _, resource := range built.Resources() {
		o, err := resource.Map()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	return objects
}

// manifests are the files of this folder.
func manifests(t *testing.T) fstest.MapFS {
	t.Helper()
	return read(t, os.DirFS("."))
}

func read(t *testing.T, from fs.FS) fstest.MapFS {
	t.Helper()
	files, err := example.Copy(from)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, ".go") })
	return files
}

// at follows keys and indexes; nil where they lead nowhere.
func at(value any, steps ...any) any {
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			fields, _ := value.(map[string]any)
			value = fields[s]
		case int:
			list, _ := value.([]any)
			if s >= len(list) {
				return nil
			}
			value = list[s]
		}
	}
	return value
}

func list(value any, steps ...any) []any {
	found, _ := at(value, steps...).([]any)
	return found
}

func text(value any, steps ...any) string {
	found, _ := at(value, steps...).(string)
	return found
}

// called is how a test names an object: Kind namespace/name.
func called(o object) string {
	return text(o, "kind") + " " + text(o, "metadata", "namespace") + "/" + text(o, "metadata", "name")
}

func TestOverlays(t *testing.T) {
	want := map[string]int{"karmada/apiserver": 12, "karmada/self-made": 10, "karmada/cert-manager": 14,
		"flux/self-made": 17, "flux/cert-manager": 16}
	for _, dir := range overlays {
		components := [][]string{nil}
		if dir != "karmada/apiserver" {
			components = append(components, []string{"../../components/monitoring"},
				[]string{"../../components/apiserver-cilium"})
		}
		for _, added := range components {
			t.Run(fmt.Sprint(dir, added), func(t *testing.T) {
				objects := build(t, dir, added...)
				more := map[string]int{"[../../components/monitoring]": 4, "[../../components/apiserver-cilium]": 1}
				if len(objects) != want[dir]+more[fmt.Sprint(added)] {
					var names []string
					for _, o := range objects {
						names = append(names, called(o))
					}
					t.Errorf("%d objects: %s", len(objects), strings.Join(names, ", "))
				}
				checkReferences(t, objects)
				for _, o := range objects {
					if text(o, "kind") == "Deployment" {
						checkPod(t, o)
					}
				}
			})
		}
	}
}

// byHand are what docs/webhook.md lets people make, and what cert-manager makes of Certificates.
var byHand = []string{"Secret karmada-system/rollcall-webhook-kubeconfig"}

// checkReferences: whatever an object names is there too.
func checkReferences(t *testing.T, objects []object) {
	t.Helper()
	there := map[string]object{}
	for _, o := range objects {
		there[called(o)] = o
		if text(o, "kind") == "Certificate" {
			there["Secret "+text(o, "metadata", "namespace")+"/"+text(o, "spec", "secretName")] = o
		}
	}
	for _, name := range byHand {
		there[name] = nil
	}
	needs := func(o object, kind, namespace, name string) {
		t.Helper()
		if _, ok := there[kind+" "+namespace+"/"+name]; !ok {
			t.Errorf("%s names %s %s/%s, which is not there", called(o), kind, namespace, name)
		}
	}
	for _, o := range objects {
		namespace := text(o, "metadata", "namespace")
		clusterWide := slices.Contains([]string{"Namespace", "ClusterRole", "ClusterRoleBinding",
			"ValidatingWebhookConfiguration"}, text(o, "kind"))
		if clusterWide != (namespace == "") {
			t.Errorf("%s: its namespace is %q", called(o), namespace)
		}
		switch text(o, "kind") {
		case "RoleBinding", "ClusterRoleBinding":
			if role := text(o, "roleRef", "kind"); role == "ClusterRole" {
				needs(o, role, "", text(o, "roleRef", "name"))
			} else {
				needs(o, role, namespace, text(o, "roleRef", "name"))
			}
			for _, subject := range list(o, "subjects") {
				needs(o, text(subject, "kind"), text(subject, "namespace"), text(subject, "name"))
			}
		case "Certificate":
			needs(o, "Issuer", namespace, text(o, "spec", "issuerRef", "name"))
		case "Issuer":
			if name := text(o, "spec", "ca", "secretName"); name != "" {
				needs(o, "Secret", namespace, name)
			}
		case "Service":
			for _, port := range list(o, "spec", "ports") {
				checkPort(t, o, only(t, objects, "Deployment"), text(port, "targetPort"))
			}
			checkSelector(t, o, at(o, "spec", "selector"), only(t, objects, "Deployment"))
		case "PodDisruptionBudget":
			checkSelector(t, o, at(o, "spec", "selector", "matchLabels"), only(t, objects, "Deployment"))
		case "NetworkPolicy":
			if namespace != "flux-system" {
				checkSelector(t, o, at(o, "spec", "podSelector", "matchLabels"), only(t, objects, "Deployment"))
			}
			for _, rule := range list(o, "spec", "ingress") {
				checkPeers(t, o, rule)
			}
		case "CiliumNetworkPolicy":
			checkSelector(t, o, at(o, "spec", "endpointSelector", "matchLabels"), only(t, objects, "Deployment"))
		case "ServiceMonitor":
			service := there["Service "+namespace+"/rollcall-webhook-status"]
			for key, value := range at(o, "spec", "selector", "matchLabels").(map[string]any) {
				if at(service, "metadata", "labels", key) != value {
					t.Errorf("%s does not select its Service by %s", called(o), key)
				}
			}
			if text(o, "spec", "endpoints", 0, "port") != text(service, "spec", "ports", 0, "name") {
				t.Errorf("%s: its Service has no such port", called(o))
			}
		case "Deployment":
			needs(o, "ServiceAccount", namespace, text(o, "spec", "template", "spec", "serviceAccountName"))
			for _, volume := range list(o, "spec", "template", "spec", "volumes") {
				if name := text(volume, "secret", "secretName"); name != "" {
					needs(o, "Secret", namespace, name)
				}
				if name := text(volume, "configMap", "name"); name != "" {
					needs(o, "ConfigMap", namespace, name)
				}
			}
		case "ValidatingWebhookConfiguration":
			checkWebhooks(t, o, there)
		}
	}
}

// checkPeers: a rule lets in somebody, and not every pod: not by having no peers, by selecting everything, or by
// addresses that pods have.
func checkPeers(t *testing.T, o object, rule any) {
	t.Helper()
	if len(list(rule, "from")) == 0 || len(list(rule, "ports")) == 0 {
		t.Errorf("%s lets everybody in", called(o))
	}
	for _, peer := range list(rule, "from") {
		pods, _ := at(peer, "podSelector", "matchLabels").(map[string]any)
		namespaces, _ := at(peer, "namespaceSelector", "matchLabels").(map[string]any)
		switch block := at(peer, "ipBlock"); {
		case block == nil && len(pods)+len(namespaces) == 0:
			t.Errorf("%s lets every pod in", called(o))
		case block == nil:
		case !slices.Contains(list(block, "except"), any("10.42.0.0/16")),
			!slices.Contains(list(block, "except"), any("10.244.0.0/16")):
			t.Errorf("%s lets pods in by their addresses", called(o))
		}
	}
}

func only(t *testing.T, objects []object, kind string) object {
	t.Helper()
	var found []object
	for _, o := range objects {
		if text(o, "kind") == kind {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s", len(found), kind)
	}
	return found[0]
}

func checkSelector(t *testing.T, o object, selector any, deployment object) {
	t.Helper()
	labels, _ := selector.(map[string]any)
	if len(labels) == 0 {
		t.Errorf("%s selects everything", called(o))
	}
	for key, value := range labels {
		if at(deployment, "spec", "template", "metadata", "labels", key) != value {
			t.Errorf("%s: no pod has %s=%v", called(o), key, value)
		}
	}
}

func checkPort(t *testing.T, o, deployment object, name string) {
	t.Helper()
	ports := list(deployment, "spec", "template", "spec", "containers", 0, "ports")
	if !slices.ContainsFunc(ports, func(p any) bool { return text(p, "name") == name }) {
		t.Errorf("%s: the container has no port %q", called(o), name)
	}
}

// checkWebhooks: they lead to the Service, spare nobody's patience, fail open, and are about no more than they judge.
func checkWebhooks(t *testing.T, o object, there map[string]object) {
	t.Helper()
	for i, webhook := range list(o, "webhooks") {
		name := text(webhook, "name")
		if text(webhook, "failurePolicy") != "Ignore" || fmt.Sprint(at(webhook, "timeoutSeconds")) != "3" ||
			text(webhook, "sideEffects") != "None" {
			t.Errorf("%s: failurePolicy, timeoutSeconds or sideEffects are not as the documentation says", name)
		}
		if conditions := list(webhook, "matchConditions"); len(conditions) == 0 {
			t.Errorf("%s: no matchConditions", name)
		}
		for _, rule := range list(webhook, "rules") {
			for _, key := range []string{"apiGroups", "resources"} {
				for _, value := range list(rule, key) {
					if strings.ContainsAny(value.(string), "*/") {
						t.Errorf("%s: %s holds %v", name, key, value)
					}
				}
			}
		}
		service := "Service " + text(webhook, "clientConfig", "service", "namespace") + "/" +
			text(webhook, "clientConfig", "service", "name")
		if u := text(webhook, "clientConfig", "url"); u != "" {
			// The Service is in another build.
			parsed, err := url.Parse(u)
			if err != nil || parsed.Scheme != "https" || parsed.Host != "rollcall-webhook.karmada-system.svc:443" ||
				parsed.Path != "/validate/${ROLLCALL_API_SERVER}" {
				t.Errorf("%s: %s", name, u)
			}
		} else if _, ok := there[service]; !ok || text(webhook, "clientConfig", "service",
			"path") != "/validate/${ROLLCALL_API_SERVER}" {
			t.Errorf("webhook %d: %s is not there, or the path does not say who asks", i, service)
		}
	}
}

// TestAPIServer: what docs/webhook.md installs says which API server asks.
func TestAPIServer(t *testing.T) {
	for i, want := range []string{"talos-ottawa/karmada-system/karmada-kubeconfig", "talos-robbinsdale"} {
		manifest := installations(t)[i]
		if kustomizations := strings.Count(manifest, "kind: Kustomization\n"); strings.Count(
			manifest, "\n      ROLLCALL_API_SERVER: "+want+"\n") != kustomizations {
			t.Errorf("not each of its Kustomizations names %s", want)
		}
	}
	for _, dir := range overlays[1:] {
		container := at(only(t, build(t, dir), "Deployment"), "spec", "template", "spec", "containers", 0)
		hasEnv := slices.ContainsFunc(list(container, "env"), func(v any) bool {
			return text(v, "name") == "API_SERVER" && text(v, "value") == "${ROLLCALL_API_SERVER}"
		})
		if !slices.Contains(list(container, "args"), any("--api-server=$(API_SERVER)")) || !hasEnv {
			t.Errorf("%s does not hand the API server on", dir)
		}
	}
}

// checkPod: the pod meets the Pod Security Standard "restricted", and more.
func checkPod(t *testing.T, deployment object) {
	t.Helper()
	pod := at(deployment, "spec", "template", "spec")
	container := at(pod, "containers", 0)
	for what, c := range map[string]struct{ got, want any }{
		"replicas":                 {at(deployment, "spec", "replicas"), 2},
		"maxUnavailable":           {at(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable"), 0},
		"runAsNonRoot":             {at(pod, "securityContext", "runAsNonRoot"), true},
		"seccompProfile":           {at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault"},
		"readOnlyRootFilesystem":   {at(container, "securityContext", "readOnlyRootFilesystem"), true},
		"allowPrivilegeEscalation": {at(container, "securityContext", "allowPrivilegeEscalation"), false},
		"capabilities":             {at(container, "securityContext", "capabilities", "drop", 0), "ALL"},
	} {
		if fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			t.Errorf("%s is %v", what, c.got)
		}
	}
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		checkPort(t, deployment, deployment, text(container, probe, "httpGet", "port"))
	}
	if text(pod, "containers", 0, "resources", "limits", "memory") == "" ||
		!strings.Contains(text(container, "image"), ":") {
		t.Error("it has no memory limit, or no tag")
	}
	mounted := map[string]bool{}
	for _, mount := range list(container, "volumeMounts") {
		mounted[text(mount, "name")] = true
	}
	for _, volume := range list(pod, "volumes") {
		if !mounted[text(volume, "name")] {
			t.Errorf("volume %s is not mounted", text(volume, "name"))
		}
		delete(mounted, text(volume, "name"))
	}
	if len(mounted) > 0 {
		t.Errorf("no volume for %v", mounted)
	}
}

// installations are the manifests in docs/webhook.md that install the webhook: beside Karmada, and on a Flux cluster.
func installations(t *testing.T) (found []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)( *)```yaml\n(.*?)\n *```").FindAllStringSubmatch(string(page), -1) {
		manifest := strings.TrimPrefix(strings.ReplaceAll("\n"+block[2], "\n"+block[1], "\n"), "\n") + "\n"
		if strings.Contains(manifest, "kind: GitRepository") {
			found = append(found, manifest)
		}
	}
	if len(found) != 2 {
		t.Fatalf("docs/webhook.md has %d installations", len(found))
	}
	return found
}

// TestLint lints a fleet that installs the webhook, from a source of its own and from its own repository.
func TestLint(t *testing.T) {
	e, err := engine.New(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	documented := installations(t)
	for name, local := range map[string]bool{"from Rollcall's repository": false, "from the fleet's": true} {
		t.Run(name, func(t *testing.T) {
			tree := read(t, os.DirFS("../testdata/fleet"))
			own := manifests(t)
			for i, cluster := range []string{"talos-ottawa", "talos-robbinsdale"} {
				// which the parent's patch leaves out
				manifest := strings.ReplaceAll(documented[i],
					"  namespace: karmada-system\nspec:\n  interval: 1h\n  retryInterval:",
					"  namespace: karmada-system\n  labels: {example.com/own-settings: \"true\"}\nspec:\n  interval: 1h\n  retryInterval:")
				if local {
					manifest = strings.ReplaceAll(manifest, "kind: GitRepository\n    name: rollcall\n",
						"kind: GitRepository\n    name: flux-system\n    namespace: flux-system\n")
				}
				list := "clusters/" + cluster + "/apps/kustomization.yaml"
				tree[list] = &fstest.MapFile{Data: append(tree[list].Data, "  - rollcall.yaml\n"...)}
				tree["clusters/"+cluster+"/apps/rollcall.yaml"] = &fstest.MapFile{Data: []byte(manifest)}
			}
			if local {
				for file, data := range own {
					tree["deploy/"+file] = data
				}
			}
			c, err := config.Read(tree, config.Name)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := loader.Load(t.Context(), tree, loader.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f := fleet.Build(loaded, c.Declared())
			server := f.Objects["talos-ottawa/karmada-system/karmada-kubeconfig"]
			if _, applied :=
				server["ValidatingWebhookConfiguration.admissionregistration.k8s.io"][""]["rollcall"]; applied != local {
				t.Errorf("the webhook is applied to Karmada: %v", applied)
			}
			found, err := e.Check(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range found {
				t.Errorf("%s: %s [%s]", finding.Place.File, finding.Message, finding.Rule)
			}
		})
	}
}
