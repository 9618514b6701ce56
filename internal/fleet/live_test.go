package fleet

import (
	"fmt"
	"testing"
)

// liveOf is what an API server holds that returns these objects.
func liveOf(t *testing.T, manifest string) *Live {
	t.Helper()
	live := &Live{}
	for _, parsed := range parse(t, "", manifest) {
		if object, ok := LiveObject(parsed.Content); ok {
			live.Objects = append(live.Objects, object)
		}
	}
	return live
}

const liveOttawa = `
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: ottawa, uid: "1", resourceVersion: "7", labels: {env: prod}, annotations: {a: b}, managedFields: [{}]}
spec: {id: abc, syncMode: Pull, provider: metal, region: north, zones: [a], secretRef: {name: ottawa}, taints: [{key: k, effect: NoSchedule}]}
status:
  kubernetesVersion: v1.35.4
  conditions:
    - {type: Ready, status: "False", reason: ClusterNotReachable, message: "Get https://10.0.0.1", lastTransitionTime: "2026-11-24T10:00:00Z"}
    - {type: CompleteAPIEnablements, status: "True", reason: Complete, lastTransitionTime: "2026-11-24T09:00:00Z"}
  nodeSummary: {totalNum: 3}
  resourceSummary: {allocatable: {cpu: "10"}}`

func TestLiveObject(t *testing.T) {
	ottawa, ok := LiveObject(parse(t, "", liveOttawa)[0].Content)
	equal(t, "a Cluster", ottawa, Object{Group: "cluster.karmada.io", Kind: "Cluster", Name: "ottawa",
		Content: map[string]any{
			"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster",
			"metadata": map[string]any{"name": "ottawa", "labels": map[string]any{"env": "prod"}},
			"spec": map[string]any{"id": "abc", "syncMode": "Pull", "provider": "metal", "region": "north",
				"zones":  []any{"a"},
				"taints": []any{map[string]any{"key": "k", "effect": "NoSchedule"}}},
			"status": map[string]any{"kubernetesVersion": "v1.35.4", "conditions": []any{
				map[string]any{"type": "Ready", "status": "False", "reason": "ClusterNotReachable",
					"lastTransitionTime": "2026-11-24T10:00:00Z"},
				map[string]any{"type": "CompleteAPIEnablements", "status": "True", "reason": "Complete",
					"lastTransitionTime": "2026-11-24T09:00:00Z"},
			}},
		}})
	member, isMember := ottawa.Member()
	equal(t, "its member", member, LiveMember{Mode: "Pull", Ready: "False", Reason: "ClusterNotReachable",
		Since: "2026-11-24T10:00:00Z", KubernetesVersion: "v1.35.4"})
	equal(t, "read", []bool{ok, isMember}, []bool{true, true})

	hostile, _ := LiveObject(parse(t, "", `
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: x}
spec: {syncMode: "\e[2J"}
status: {conditions: [{type: Ready, status: "a\nb", reason: "\tc"}]}`)[0].Content)
	member, _ = hostile.Member()
	equal(t, "what is no answer", member, LiveMember{Mode: "�[2J", Ready: "a�b", Reason: "�c"})

	policy := parse(t, "", `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web, namespace: shop, uid: "1", generation: 4, finalizers: [x], labels: {a: b}}
spec: {placement: {}}
status: {x: 1}`)[0]
	kept, _ := LiveObject(policy.Content)
	equal(t, "a policy", kept, Object{Group: "policy.karmada.io", Kind: "PropagationPolicy", Namespace: "shop",
		Name: "web", Content: map[string]any{
			"apiVersion": "policy.karmada.io/v1alpha1", "kind": "PropagationPolicy",
			"metadata": map[string]any{"name": "web", "namespace": "shop", "labels": map[string]any{"a": "b"}},
			"spec":     map[string]any{"placement": map[string]any{}},
		}})
	for _, other := range []string{
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}",
		"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {}",
		"apiVersion: policy.karmada.io/v2\nkind: PropagationPolicy\nmetadata: {name: x}",
		"apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: x}",
		"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: text",
		"kind: 3",
		"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: \"a\\e[2J\"}",
	} {
		if o, ok := LiveObject(parse(t, "", other)[0].Content); ok {
			t.Errorf("%s is kept: %v", other, o)
		}
	}
}

func TestLiveMembers(t *testing.T) {
	registered := func(name, mode string) string {
		return registration(name, mode) + "\nstatus: {conditions: [{type: Ready, status: \"True\"}]}"
	}
	for name, c := range map[string]struct {
		make     func(x *fixture)
		declared []DeclaredMember
		live     string
		want     []string
	}{
		"a name is no member where Karmada has none": {func(x *fixture) {
			x.cluster("a")
		}, nil, "kind: List", []string{"live true"}},
		"registered by hand": {func(x *fixture) {
			x.cluster("hub")
			x.cluster("talos-ottawa")
			x.apply(t, "hub", "hub", host)
		}, nil, registered("ottawa", "Push") + "\n---" + registered("far", "Push"), []string{"live true",
			"far= registered Push live", "ottawa=talos-ottawa registered Push live"}},
		"an agent that never registered": {func(x *fixture) {
			x.cluster("talos-ottawa")
			x.cluster("b")
			x.apply(t, "talos-ottawa", "talos-ottawa", agent("ottawa"))
			x.apply(t, "b", "b", agent("b"))
		}, nil, registered("ottawa", "Pull"), []string{"live true", "b=b agents:b Pull",
			"ottawa=talos-ottawa agents:talos-ottawa registered Pull live"}},
		"a declared list and one more": {func(x *fixture) { x.cluster("a") }, []DeclaredMember{{Name: "a"}},
			registered("b", "Push"), []string{"declared true", "a=a declared", "b= registered Push live"}},
		"Karmada's word on a Cluster in Git": {func(x *fixture) {
			x.cluster("hub")
			x.apply(t, "hub", "hub/flux-system/karmada-kubeconfig", registration("a", "Push"))
		}, nil, registered("a", "Pull"), []string{"live true", "a= registered Pull live"}},
	} {
		t.Run(name, func(t *testing.T) {
			x := &fixture{}
			c.make(x)
			f := Build(&x.Tree, Declared{Members: c.declared, Live: liveOf(t, c.live)})
			got := []string{fmt.Sprint(f.Membership.Basis, " ", f.Membership.Certain)}
			for _, name := range f.Membership.Names {
				text := line(f.Members[name])
				if f.Members[name].Live != nil {
					text += " live"
				}
				got = append(got, text)
			}
			equal(t, "members", got, c.want)
		})
	}
}

func TestLivePolicies(t *testing.T) {
	const server = "hub/karmada-system/karmada-kubeconfig"
	policy := func(name, cluster string) string {
		return "\napiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: " + name +
			", namespace: shop}\n" +
			"spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}], placement: {clusterAffinity: {clusterNames: [" + cluster + "]}}}"
	}
	x := fixture{}
	x.cluster("hub")
	x.apply(t, "hub", "hub", host)
	x.apply(t, "hub", server, policy("both", "git")+
		"\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}")
	before := len(x.Objects)
	f := Build(&x.Tree, Declared{Live: liveOf(t, policy("both", "live")+"\n---"+policy("more", "live")+`
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterTaintPolicy
metadata: {name: lost}
spec: {taints: [{key: k, effect: NoExecute}]}`)})

	equal(t, "the API server", f.Live, &LiveServer{APIServer: server})
	equal(t, "the tree", len(x.Objects), before)
	names := f.Objects[server]["PropagationPolicy.policy.karmada.io"]["shop"]
	equal(t, "a policy in Git", textsAt(names["both"].Content, "spec", "placement", "clusterAffinity", "clusterNames"),
		[]string{"git"})
	more := names["more"]
	more.Content = nil
	equal(t, "a policy that is live alone", *more, Object{
		ID: server + "/PropagationPolicy.policy.karmada.io/shop/more", Cluster: "hub",
		APIServer: server, Group: "policy.karmada.io", Kind: "PropagationPolicy", Namespace: "shop", Name: "more"})
	equal(t, "claims", len(f.Claims[server]["Deployment.apps"]["shop"]["web"]), 2)
	equal(t, "the taint", f.ControlPlanes["hub/karmada-system/karmada"].FailoverArmed[TaintSwitch], Found)

	gone, _ := f.With(ObjectRef{APIServer: server, Group: "policy.karmada.io", Kind: "ClusterTaintPolicy",
		Name: "lost"}, nil)
	equal(t, "the taint once it is deleted",
		gone.ControlPlanes["hub/karmada-system/karmada"].FailoverArmed[TaintSwitch], Missing)
}

func TestLiveServer(t *testing.T) {
	const policy = "apiVersion: policy.karmada.io/v1alpha1\nkind: ClusterPropagationPolicy\nmetadata: {name: p}"
	x := fixture{}
	x.cluster("hub")
	equal(t, "none", Build(&x.Tree, Declared{}).Live, (*LiveServer)(nil))
	f := Build(&x.Tree, Declared{Live: &Live{}})
	equal(t, "one that Git does not know", f.Live.APIServer, "karmada")
	equal(t, "its entry", f.APIServers["karmada"], APIServer{ID: "karmada", Kind: "karmada"})

	x.apply(t, "hub", "hub/a/one", policy)
	equal(t, "the only one", Build(&x.Tree, Declared{Live: &Live{}}).Live.APIServer, "hub/a/one")
	x.apply(t, "hub", "hub/b/two", policy)
	equal(t, "one of two", Build(&x.Tree, Declared{Live: &Live{}}).Live.APIServer, "karmada")
	equal(t, "the named one", Build(&x.Tree, Declared{Live: &Live{APIServer: "hub/b/two"}}).Live.APIServer, "hub/b/two")
	x.apply(t, "hub", "hub", host)
	equal(t, "two kubeconfigs of one control plane", Build(&x.Tree, Declared{Live: &Live{}}).Live.APIServer,
		"hub/a/one")
}
