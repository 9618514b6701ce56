package engine_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// A Flux cluster that nothing names is no proof of a member; a policy, the configuration or a Cluster that names it is.
func TestMemberThatNothingNames(t *testing.T) {
	e, files, _, _ := testFleet(t)
	files["clusters/gke/apps.yaml"] = &fstest.MapFile{Data: []byte(
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: load-tests}\n")}
	sync := files["clusters/talos-robbinsdale/flux-system/gotk-sync.yaml"].Data
	files["clusters/gke/flux-system/gotk-sync.yaml"] = &fstest.MapFile{
		Data: bytes.ReplaceAll(sync, []byte("talos-robbinsdale"), []byte("gke"))}
	policies := "clusters/talos-ottawa/apps/karmada-system/test-failover/"
	for name, c := range map[string]struct {
		file, text string
		config     config.Config
		want       []fleet.Severity
	}{
		"nothing": {want: []fleet.Severity{fleet.Warning}},
		"another kind": {file: "clusters/gke/cm.yaml",
			text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {clusterNames: gke}\n",
			want: []fleet.Severity{fleet.Warning}},
		"a policy's other field": {file: policies + "configmap.yaml", want: []fleet.Severity{fleet.Warning},
			text: "apiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: gke, namespace: test-failover}\n" +
				"spec: {overrideRules: [{targetCluster: {clusterNames: [ottawa]}, overriders: {labelsOverrider: [{operator: add, value: {a: gke}}]}}]}\n"},
		"a policy": {file: policies + "configmap.yaml", want: []fleet.Severity{fleet.Error},
			text: "apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: gke, namespace: test-failover}\n" +
				"spec: {resourceSelectors: [{apiVersion: v1, kind: Service}], placement: {clusterAffinities: [{affinityName: a, clusterNames: [ottawa, gke]}]}}\n"},
		"a policy that leaves it out": {file: policies + "configmap.yaml", want: []fleet.Severity{fleet.Error},
			text: "apiVersion: policy.karmada.io/v1alpha1\nkind: ClusterOverridePolicy\nmetadata: {name: gke}\n" +
				"spec: {overrideRules: [{targetCluster: {exclude: [gke]}, overriders: {}}]}\n"},
		"the order of failover": {config: config.Config{Failover: config.Failover{Order: []string{"ottawa", "gke"}}},
			want: []fleet.Severity{fleet.Error}},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(files)
			if c.file != "" {
				files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			}
			var got []fleet.Severity
			for _, f := range check(t, e, files, c.config) {
				if f.Rule == "member-has-agent" {
					got = append(got, f.Severity)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("severities %v, want %v", got, c.want)
			}
		})
	}
}
