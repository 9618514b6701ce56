package fleet

import "testing"

const taintPlane1 = `apiVersion: operator.karmada.io/v1alpha1
kind: Karmada
metadata: {name: karmada, namespace: karmada-system}
spec: {components: {karmadaControllerManager: {imageTag: v1.18.2}}}
---
`

// What a lost member is tainted with hangs on all of a ClusterTaintPolicy.
func TestLostTaints(t *testing.T) {
	const lost = `apiVersion: policy.karmada.io/v1alpha1
kind: ClusterTaintPolicy
metadata: {name: lost}
spec:
`
	for name, c := range map[string]struct {
		policies string
		// pull and push are the keys of NoExecute taints of each way; "" for a way without one.
		pull, push []string
		without    string
		doubt      bool
	}{
		"none": {"", []string{""}, []string{""}, "no ClusterTaintPolicy adds a NoExecute taint", false},
		"not ready": {lost +
			`  {addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{"k"}, []string{"k"}, "", false},
		"False alone": {lost +
			`  {addOnConditions: [{conditionType: Ready, operator: In, statusValues: ["False"]}], taints: [{key: k, effect: NoExecute}]}`, []string{""}, []string{"k"}, `the ClusterTaintPolicy "lost" requires another status of "Ready" than the "Unknown" of a lost pull member`, false},
		"two conditions": {lost +
			`  {addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}, {conditionType: Other, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{""}, []string{""}, `nothing sets the condition "Other" that the ClusterTaintPolicy "lost" requires`, false},
		"no conditions": {lost + `  {taints: [{key: k, effect: NoExecute}]}`, []string{""}, []string{""},
			`the ClusterTaintPolicy "lost" has no addOnConditions`, false},
		"NoSchedule": {lost +
			`  {addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoSchedule}]}`, []string{""}, []string{""}, "no ClusterTaintPolicy adds a NoExecute taint", false},
		"another target": {lost +
			`  {targetClusters: {clusterNames: [other]}, addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{""}, []string{""}, `the ClusterTaintPolicy "lost" does not target it`, false},
		"target by label": {lost +
			`  {targetClusters: {labelSelector: {matchLabels: {site: a}}}, addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{"k"}, []string{""}, "", false},
		"removed at once": {lost +
			`  {addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], removeOnConditions: [{conditionType: CompleteAPIEnablements, operator: In, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{""}, []string{""}, `the ClusterTaintPolicy "lost" removes its taint at once`, false},
		"a variable": {lost +
			`  {addOnConditions: [{conditionType: "${TYPE}", operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{""}, []string{""}, `the ClusterTaintPolicy "lost" cannot be read`, true},
		"two that quarrel": {lost + `  {addOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterTaintPolicy
metadata: {name: other}
spec: {removeOnConditions: [{conditionType: Ready, operator: NotIn, statusValues: ["True"]}], taints: [{key: k, effect: NoExecute}]}`, []string{"", "k"}, []string{"", "k"}, `the ClusterTaintPolicy "other" has no addOnConditions`, true},
	} {
		t.Run(name, func(t *testing.T) {
			x := fixture{}
			x.Clusters = append(x.Clusters, Cluster{Name: "hub", Entry: "clusters/hub"})
			x.apply(t, "hub", "hub", taintPlane1+`apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: pull, labels: {site: a}}
spec: {syncMode: Pull}
---
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: push}
spec: {syncMode: Push}
---
`+c.policies)
			f := Build(&x.Tree, Declared{})
			keys := func(m Member) (all []string) {
				for _, way := range m.Lost.Ways {
					key := ""
					for _, taint := range way {
						if taint.Effect == "NoExecute" {
							key = taint.Key
						}
					}
					all = append(all, key)
				}
				return all
			}
			pull, push := f.Members["pull"], f.Members["push"]
			if name != "a variable" { // either way
				sortedKeys := func(all []string) []string {
					if len(all) == 2 && all[0] > all[1] {
						all[0], all[1] = all[1], all[0]
					}
					return all
				}
				equal(t, "pull", sortedKeys(keys(pull)), c.pull)
				equal(t, "push", sortedKeys(keys(push)), c.push)
			} else {
				equal(t, "ways", len(pull.Lost.Ways), 1)
			}
			equal(t, "why not", pull.Lost.Without, c.without)
			equal(t, "doubt", pull.Lost.Doubt != "", c.doubt)
		})
	}
}

// Every NoExecute taint must be tolerated, by the first toleration that fits, and of those that
// end the first to end counts.
func TestEvicts(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	a, b := Taint{Key: "a", Effect: "NoExecute"}, Taint{Key: "b", Value: "x", Effect: "NoExecute"}
	for name, c := range map[string]struct {
		ways        [][]Taint
		tolerations []Toleration
		want        Eviction
	}{
		"not tolerated": {[][]Taint{{a}}, nil, Eviction{State: Found}},
		"for ever": {[][]Taint{{a}}, []Toleration{{Key: "a", Operator: "Exists"}},
			Eviction{State: Missing, Taint: a, Why: `the policy tolerates the taint "a" forever`}},
		"one of two":    {[][]Taint{{a, b}}, []Toleration{{Key: "a", Operator: "Exists"}}, Eviction{State: Found}},
		"another value": {[][]Taint{{b}}, []Toleration{{Key: "b", Value: "y"}}, Eviction{State: Found}},
		"the value": {[][]Taint{{b}}, []Toleration{{Key: "b", Value: "x", TolerationSeconds: seconds(60)}},
			Eviction{State: Found, Seconds: 60}},
		"the first counts": {[][]Taint{{a}}, []Toleration{
			{Key: "a", Operator: "Exists", TolerationSeconds: seconds(30)}, {Operator: "Exists"}},
			Eviction{State: Found, Seconds: 30}},
		"the first to end": {[][]Taint{{a, b}}, []Toleration{
			{Key: "a", Operator: "Exists", TolerationSeconds: seconds(90)},
			{Operator: "Exists", TolerationSeconds: seconds(30)}}, Eviction{State: Found, Seconds: 30}},
		"one for ever": {[][]Taint{{a, b}}, []Toleration{
			{Key: "a", Operator: "Exists"}, {Operator: "Exists", TolerationSeconds: seconds(30)}},
			Eviction{State: Found, Seconds: 30}},
		"NoSchedule alone": {[][]Taint{{a}}, []Toleration{{Operator: "Exists", Effect: "NoSchedule"}},
			Eviction{State: Found}},
		"no operator":      {[][]Taint{{a}}, []Toleration{{Key: "a", Operator: "Lt"}}, Eviction{State: Found}},
		"either way":       {[][]Taint{{a}, {b}}, nil, Eviction{State: Found}},
		"it depends":       {[][]Taint{{a}, {}}, nil, Eviction{State: Unknown, Why: "doubt"}},
		"nothing to evict": {[][]Taint{{}}, nil, Eviction{State: Missing}},
		"ended before begun": {[][]Taint{{a}}, []Toleration{{Operator: "Exists", TolerationSeconds: seconds(-5)}},
			Eviction{State: Found}},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "eviction", Tainted{Ways: c.ways, Doubt: "doubt"}.Evicts(c.tolerations), c.want)
		})
	}
}

// What the configuration says of a member, and an agent's flags, stand for the Cluster object that is not in Git.
func TestMemberProperties(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a", host+`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: karmada-agent, namespace: karmada-system}
spec:
  template:
    spec:
      containers:
        - name: agent
          image: docker.io/karmada/karmada-agent:v1.18.2
          command: [/bin/karmada-agent, --cluster-name=a, --cluster-region=north, "--cluster-zones=z1,z2"]
`)
	f := Build(&x.Tree, Declared{})
	m := f.Members["a"]
	equal(t, "region", m.Region, "north")
	equal(t, "zones", m.Zones, []string{"z1", "z2"})
	equal(t, "unseen", m.Unseen, []string{"labels", "provider"})
	f = Build(&x.Tree, Declared{Members: []DeclaredMember{
		{Name: "a", Mode: "Push", Region: "south", Labels: map[string]string{"x": "y"},
			Taints: []Taint{{Key: "k", Effect: "NoSchedule"}}}}})
	m = f.Members["a"]
	equal(t, "mode", m.Mode, "Push")
	equal(t, "region", m.Region, "south")
	equal(t, "zones", m.Zones, []string{"z1", "z2"})
	equal(t, "taints", m.Healthy.Ways, [][]Taint{{{Key: "k", Effect: "NoSchedule"}}})
	equal(t, "unseen", m.Unseen, []string{"provider"})
}
