package verify

import (
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestDifferences(t *testing.T) {
	for name, c := range map[string]struct {
		git, live string
		want      []string
	}{
		"the same": {"{a: [1, {b: x}]}", "{a: [1, {b: x}]}", nil},
		"what Karmada fills in": {
			"{resourceSelectors: [{kind: Deployment}], placement: {spreadConstraints: [{maxGroups: 1}], replicaScheduling: {}}, failover: {application: {}}}",
			`{conflictResolution: Abort, preemption: Never, priority: 0, schedulerName: default-scheduler,
			  resourceSelectors: [{kind: Deployment, namespace: shop}],
			  placement: {clusterTolerations: [{key: x}], spreadConstraints: [{maxGroups: 1, minGroups: 1, spreadByField: cluster}],
			    replicaScheduling: {replicaSchedulingType: Divided, replicaDivisionPreference: Weighted}},
			  failover: {application: {purgeMode: Gracefully, gracePeriodSeconds: 600, decisionConditions: {tolerationSeconds: 300}}}}`, nil},
		"another value than it fills in": {"{}",
			"{conflictResolution: Overwrite, failover: {application: {decisionConditions: {tolerationSeconds: 30}}}}",
			[]string{"spec.conflictResolution", "spec.failover.application.decisionConditions.tolerationSeconds"}},
		"what Git asks for and is not there": {"{conflictResolution: Overwrite, priority: 3}",
			"{conflictResolution: Abort}", []string{"spec.conflictResolution", "spec.priority"}},
		"by hand": {"{}", "{suspension: {dispatching: true}}",
			[]string{"spec.suspension.dispatching"}},
		"one more in a list": {"{a: [x]}", "{a: [x, y]}", []string{"spec.a"}},
		"another order": {"{a: [{name: x}, {name: y}]}", "{a: [{name: y}, {name: x}]}",
			[]string{"spec.a[0].name", "spec.a[1].name"}},
		"another type": {"{a: {b: 1}, c: 1, d: [1]}", "{a: x, c: {d: 1}, d: x}",
			[]string{"spec.a", "spec.c", "spec.d"}},
		"a variable":            {"{a: '${X}', b: 'x-${Y}'}", "{a: 1, b: x-1}", nil},
		"a redacted value":      {"{a: {$class: enc, $len: 3}}", "{a: hunter2}", nil},
		"empty and left out":    {"{a: '', b: [], c: {}, d: false, e: 0, f: null}", "{}", nil},
		"a number in two forms": {"{a: 30, b: 1.5}", "{a: 30.0, b: 1.5}", nil},
		"true":                  {"{a: true}", "{a: false}", []string{"spec.a"}},
	} {
		var git, live any
		if err := yaml.Unmarshal([]byte(c.git), &git); err != nil {
			t.Fatal(name, err)
		}
		if err := yaml.Unmarshal([]byte(c.live), &live); err != nil {
			t.Fatal(name, err)
		}
		if got := differences(git, live, "spec"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
