package charttest

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const chart = "../deploy/chart"

// helm runs Helm.
func helm(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "helm")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "helm.sh/helm/v3/cmd/helm")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return program
}

// objects are those of a YAML text, by kind, namespace and name.
func objects(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for part := range strings.SplitSeq("\n"+text, "\n---") {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(part), &o); err != nil {
			t.Fatalf("%v\n%s", err, part)
		}
		if meta, _ := o["metadata"].(map[string]any); meta != nil {
			all[fmt.Sprint(o["kind"], " ", meta["namespace"], "/", meta["name"])] = o
		}
	}
	return all
}

// TestTemplates has Helm render what kustomize builds, Flux's substitution done, for each overlay; with the chart's
// own values and with others.
func TestTemplates(t *testing.T) {
	program := build(t)
	for overlay, values := range map[string][]string{
		"karmada/apiserver":    {"mode=karmada-apiserver"},
		"karmada/self-made":    {"mode=karmada", "certificate=self-made"},
		"karmada/cert-manager": {"mode=karmada", "certificate=cert-manager"},
		"flux/self-made":       {"mode=flux", "certificate=self-made"},
		"flux/cert-manager":    {"mode=flux", "certificate=cert-manager"},
	} {
		resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(
			filesys.MakeFsOnDisk(), "../deploy/"+overlay)
		if err != nil {
			t.Fatal(err)
		}
		built, err := resources.AsYaml()
		if err != nil {
			t.Fatal(err)
		}
		for _, more := range []struct {
			values  []string
			replace []string
		}{
			{[]string{"apiServer=eu"}, []string{"${ROLLCALL_API_SERVER}", "eu"}},
			{
				[]string{"apiServer=eu/karmada-system/karmada", "image.repository=registry.example.com/webhook",
					"image.tag=v9", "source.kind=ocirepository", "source.name=fleet"},
				[]string{"${ROLLCALL_API_SERVER}", "eu/karmada-system/karmada",
					"ghcr.io/rollcall-dev/rollcall-webhook:v0.1.0", "registry.example.com/webhook:v9",
					"gitrepository/flux-system/flux-system", "ocirepository/flux-system/fleet",
					"resourceNames:\n  - flux-system\n", "resourceNames:\n  - fleet\n"},
			},
		} {
			args := []string{}
			for _, value := range slices.Concat(values, more.values) {
				args = append(args, "--set", value)
			}
			if out, err := helm(t, program, append([]string{"lint", "--strict", chart}, args...)...); err != nil {
				t.Errorf("helm lint %q: %v\n%s", args, err, out)
			}
			out, err := helm(t, program, append([]string{"template", "rollcall", chart, "--kube-version", "1.35.0"},
				args...)...)
			if err != nil {
				t.Errorf("helm template %q: %v\n%s", args, err, out)
				continue
			}
			got, want := objects(t, out), objects(t, strings.NewReplacer(more.replace...).Replace(string(built)))
			if names := slices.Sorted(maps.Keys(want)); !slices.Equal(names, slices.Sorted(maps.Keys(got))) {
				t.Errorf("%s: Helm renders %q and not %q", overlay, slices.Sorted(maps.Keys(got)), names)
			}
			for name, o := range want {
				if !reflect.DeepEqual(got[name], o) {
					t.Errorf("%s: Helm renders\n%v\nand not\n%v", overlay, got[name], o)
				}
			}
		}
	}
}

// TestValues gives the chart what its schema refuses.
func TestValues(t *testing.T) {
	program := build(t)
	for _, values := range []string{"certificate=self-made", "apiServer=eu,mode=karmda", "apiServer=eu,certificate=own",
		"apiServer=EU", "apiServer=eu/a",
		"apiServer=eu,image.tg=v1", "apiServer=eu,source.kind=helmrepository"} {
		out, err := helm(t, program, "template", "rollcall", chart, "--set", values)
		if err == nil || !bytes.Contains([]byte(out), []byte("values don't meet the specifications of the schema")) {
			t.Errorf("%s: %v %s", values, err, out)
		}
	}
}
