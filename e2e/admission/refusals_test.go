// Package admission holds Rollcall against what a real Karmada's API server admits and refuses.
package admission

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/e2e/controlplane"
)

const testdata = "../../testdata"

// refusals are the rules that say of a policy that Karmada refuses it, in the version that runs here.
var refusals = []string{"karmada-object-valid", "weight-at-least-one", "failover-propagates-deps",
	"selector-in-own-namespace"}

// TestRefusals applies the policies of all rules' examples to Karmada: it refuses those in which one of these rules has
// something to say, and no others.
func TestRefusals(t *testing.T) {
	c := controlplane.Start(t, controlplane.Options{Failover: true})
	files, err := filepath.Glob(filepath.Join(testdata, "rules", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no example: %v", err)
	}
	refused, accepted := 0, 0
	for _, file := range files {
		if filepath.Base(file) == "purge-mode-valid.txtar" {
			continue // which is about other versions of Karmada
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			for i, text := range strings.Split(string(f.Data), "\n---\n") {
				policy, ok := policy(t, text)
				if !ok {
					continue
				}
				if namespace := policy.GetNamespace(); namespace != "" {
					c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}\n")
				}
				err := c.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(policy), // as Flux does
					client.DryRunAll, client.FieldOwner("e2e"), client.ForceOwnership)
				wants := wants(text)
				switch {
				case len(wants) > 0 && err != nil:
					refused++
				case len(wants) == 0 && err == nil:
					accepted++
				default:
					t.Errorf("%s, %s, document %d: %v say that it is refused, and Karmada says: %v",
						filepath.Base(file), f.Name, i+1, wants, err)
				}
			}
		}
	}
	t.Logf("%d policies are refused, %d accepted", refused, accepted)
}

// policy is the policy, or another object of Karmada, in a YAML document. One with a variable in it, for Flux to
// replace, is left out, and one with an exception, for which no rule speaks.
func policy(t *testing.T, text string) (*unstructured.Unstructured, bool) {
	if !strings.Contains(text, ".karmada.io/") || strings.Contains(text, "${") || strings.Contains(text, "rollcall") {
		return nil, false
	}
	objects := controlplane.Objects(t, text)
	groups := []string{"policy", "networking", "autoscaling", "config", "work", "apps"}
	if len(objects) != 1 {
		return nil, false
	}
	o := objects[0]
	if group, ours := strings.CutSuffix(o.GroupVersionKind().Group, ".karmada.io"); !ours ||
		!slices.Contains(groups, group) {
		return nil, false
	}
	if o.GroupVersionKind().Group == "policy.karmada.io" && !strings.HasPrefix(o.GetKind(), "Cluster") &&
		o.GetNamespace() == "" {
		o.SetNamespace("default")
	}
	return o, true
}

var want = regexp.MustCompile(`# want ([a-z-]+) `)

// wants are the rules among refusals that the example expects to speak.
func wants(text string) (rules []string) {
	for _, match := range want.FindAllStringSubmatch(text, -1) {
		if slices.Contains(refusals, match[1]) {
			rules = append(rules, match[1])
		}
	}
	return rules
}

// TestSeed applies the policy of testdata/seed as it is, and with one fault mended after the other.
func TestSeed(t *testing.T) {
	c := controlplane.Start(t, controlplane.Options{})
	data, err := os.ReadFile(filepath.Join(testdata,
		"seed/clusters/talos-ottawa/apps/karmada-system/test-failover/propagationpolicy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	seed := string(data)
	positive := strings.ReplaceAll(seed, "weight: 0", "weight: 1")
	mended := strings.Replace(positive, "spec:\n", "spec:\n  propagateDeps: true\n", 1)
	for _, test := range []struct{ name, policy, refused string }{
		{"as it is", seed,
			"spec.placement.replicaScheduling.weightPreference.staticWeightList[1].weight in body should be greater than or equal to 1"},
		{"with weights", positive, "application failover is set, propagateDeps must be true"},
		{"with dependencies too", mended, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := controlplane.Objects(t, test.policy)[0]
			o.SetNamespace("default")
			err := c.TryApply(t.Context(), o)
			switch {
			case test.refused == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("Karmada says %v, not %q", err, test.refused)
			}
		})
	}
}

// TestTaintPolicy holds cluster-failover-armed: the ClusterTaintPolicy of testdata/fleet takes
// a flag of karmada-webhook.
func TestTaintPolicy(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testdata,
		"fleet/clusters/talos-ottawa/apps/karmada-system/karmada-apps/clustertaintpolicy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, armed := range []bool{false, true} {
		c := controlplane.Start(t, controlplane.Options{Failover: armed})
		err := c.TryApply(t.Context(), controlplane.Objects(t, string(data))[0])
		if (err == nil) != armed {
			t.Errorf("with --allow-no-execute-taint-policy=%t Karmada says %v", armed, err)
		}
		t.Log(err)
	}
}
