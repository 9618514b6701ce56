package fleet

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Live is what a Karmada API server holds: its Clusters and its policies. Whoever asks it gives them to Build, which
// joins them with what Git shows.
type Live struct {
	// APIServer is the ID that the API server has in the fleet; empty where it is the only one that Karmada serves.
	APIServer string
	// Objects are as LiveObject makes them.
	Objects []Object
}

// LiveResource is a kind of object that Live is made of.
type LiveResource struct{ Group, Version, Resource, Kind string }

// LiveResources are the kinds that Live is made of. A release of Karmada before 1.14 has no ClusterTaintPolicy.
//
// Source: karmada v1.18.2 pkg/apis/cluster/v1alpha1/register.go, pkg/apis/policy/v1alpha1/register.go.
func LiveResources() []LiveResource {
	return []LiveResource{
		{clusterGroup, "v1alpha1", "clusters", "Cluster"},
		{policyGroup, "v1alpha1", "propagationpolicies", "PropagationPolicy"},
		{policyGroup, "v1alpha1", "clusterpropagationpolicies", "ClusterPropagationPolicy"},
		{policyGroup, "v1alpha1", "overridepolicies", "OverridePolicy"},
		{policyGroup, "v1alpha1", "clusteroverridepolicies", "ClusterOverridePolicy"},
		{policyGroup, "v1alpha1", "clustertaintpolicies", "ClusterTaintPolicy"},
		{policyGroup, "v1alpha1", "federatedresourcequotas", "FederatedResourceQuota"},
	}
}

// LiveMember is what the Karmada API server says of a member.
type LiveMember struct {
	// Mode is spec.syncMode, "Push" or "Pull".
	Mode string `json:"mode"`
	// Ready is the status of the condition Ready: "True", "False", "Unknown"; empty where none was ever reported.
	// Reason and Since are that condition's, Since in RFC 3339.
	Ready  string `json:"ready"`
	Reason string `json:"reason"`
	Since  string `json:"since"`
	// KubernetesVersion is the member's own, "v1.35.4".
	KubernetesVersion string `json:"kubernetesVersion"`
	// Terminating: somebody has deleted the Cluster, and Karmada is taking its objects away.
	Terminating bool `json:"terminating"`
}

// LiveServer says which API server Live is of.
type LiveServer struct {
	// APIServer is its ID.
	APIServer string `json:"apiServer"`
}

// LiveObject takes from an object, as an API server returns it, what Live keeps of it: no status but a Cluster's
// conditions and version, and nothing that changes from minute to minute. The content is not changed. False for what
// has no name that could be shown, and for a kind that is none of LiveResources.
func LiveObject(content map[string]any) (Object, bool) {
	version, kind := textAt(content, "apiVersion"), textAt(content, "kind")
	at := slices.IndexFunc(LiveResources(), func(r LiveResource) bool {
		return r.Group+"/"+r.Version == version && r.Kind == kind
	})
	name, namespace := textAt(content, "metadata", "name"), textAt(content, "metadata", "namespace")
	if at < 0 || name == "" || printable(namespace+name) != namespace+name {
		return Object{}, false
	}
	o := Object{Group: LiveResources()[at].Group, Kind: kind, Namespace: namespace, Name: name}
	o.Content = map[string]any{
		"apiVersion": version, "kind": kind,
		"metadata": fieldsOf(content["metadata"], "name", "namespace", "labels", "annotations", "deletionTimestamp"),
		"spec":     content["spec"],
	}
	if o.Group == clusterGroup {
		o.Content["metadata"] = fieldsOf(content["metadata"], "name", "labels", "deletionTimestamp")
		o.Content["spec"] = fieldsOf(content["spec"], "id", "syncMode", "provider", "region", "zone", "zones", "taints")
		o.Content["status"] = map[string]any{
			"kubernetesVersion": textAt(content, "status", "kubernetesVersion"),
			"conditions":        conditionsOf(content),
		}
	}
	return o, true
}

// fieldsOf is a map with some of the fields that another has.
func fieldsOf(content any, names ...string) map[string]any {
	all, _ := content.(map[string]any)
	kept := map[string]any{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// conditionsOf are a Cluster's conditions without their messages, which may quote anything, and without heartbeats.
func conditionsOf(content map[string]any) []any {
	conditions := []any{}
	for _, condition := range listAt(content, "status", "conditions") {
		conditions = append(conditions, fieldsOf(condition, "type", "status", "reason", "lastTransitionTime"))
	}
	return conditions
}

// Member reads a live Cluster; the second result is false for an object that is none.
//
// Source: karmada v1.18.2 pkg/apis/cluster/v1alpha1/types.go (ClusterSpec, ClusterConditionReady, ClusterStatus).
func (o Object) Member() (LiveMember, bool) {
	if kindOf(o) != memberKind || at(o.Content, "status") == nil {
		return LiveMember{}, false
	}
	m := LiveMember{
		Mode:              printable(textAt(o.Content, "spec", "syncMode")),
		KubernetesVersion: printable(textAt(o.Content, "status", "kubernetesVersion")),
		Terminating:       textAt(o.Content, "metadata", "deletionTimestamp") != "",
	}
	for _, condition := range listAt(o.Content, "status", "conditions") {
		if textAt(condition, "type") == "Ready" {
			m.Ready = printable(textAt(condition, "status"))
			m.Reason = printable(textAt(condition, "reason"))
			m.Since = printable(textAt(condition, "lastTransitionTime"))
		}
	}
	return m, true
}

// printable is a text without what a terminal would obey: whoever answers for an API server need not be one.
func printable(text string) string {
	return strings.Map(func(letter rune) rune {
		if !unicode.IsPrint(letter) {
			return unicode.ReplacementChar
		}
		return letter
	}, text)
}

// indexLive files what is live beside what Git shows. A policy in Git stays as Git has it, since Flux will make it so;
// a Cluster is as Karmada has it, since its agent and its administrator write it, and its place in Git stays.
func (f *Fleet) indexLive(live Live) {
	server := f.liveServer(live.APIServer)
	f.Live = &LiveServer{APIServer: server}
	for _, object := range live.Objects {
		object.APIServer, object.Cluster = server, f.APIServers[server].Cluster
		object.ID = server + "/" + kindOf(object) + "/" + object.Namespace + "/" + object.Name
		names := within(within(within(f.Objects, server), kindOf(object)), object.Namespace)
		switch inGit, known := names[object.Name]; {
		case !known:
			f.index(&object)
		case object.Group == clusterGroup:
			registered := *inGit
			registered.Content = object.Content
			names[object.Name] = &registered
		}
	}
}

// addLiveServer makes sure that the API server that is live is one that Karmada serves, though
// Git may bring nothing there.
func (f *Fleet) addLiveServer() {
	if f.Live == nil {
		return
	}
	server := f.APIServers[f.Live.APIServer]
	server.ID, server.Kind = f.Live.APIServer, "karmada"
	if server.Cluster == "" {
		server.KubeConfig = ""
	}
	f.APIServers[server.ID] = server
}

// liveServer is the ID of the API server that is live; "karmada" where nothing tells.
func (f *Fleet) liveServer(named string) string {
	if servers := f.KarmadaServers(); named == "" && len(servers) > 0 {
		return servers[0]
	}
	return cmp.Or(named, "karmada")
}

// KarmadaServers are the IDs of the API server that Karmada serves: several where several kubeconfigs lead to one
// control plane. None where the tree has no Karmada, or more than one.
func (f *Fleet) KarmadaServers() []string {
	var ids []string
	planes := map[string]bool{}
	for _, id := range sorted(f.APIServers) {
		if server := f.APIServers[id]; server.Kind == "karmada" {
			ids = append(ids, id)
			planes[cmp.Or(server.ControlPlane, id)] = true
		}
	}
	if len(planes) != 1 {
		return nil
	}
	return ids
}

// addLive makes a member of every Cluster that is live: one that is registered by hand is a member too.
func (r *memberBuilder) addLive() {
	if r.Live == nil {
		return
	}
	for name, object := range r.Objects[r.Live.APIServer][memberKind][""] {
		if _, known := r.members[name]; !known {
			r.add(name, r.names.cluster(name))
		}
		if live, ok := object.Member(); ok {
			member := r.members[name]
			member.Live = &live
			r.members[name] = member
		}
	}
}
