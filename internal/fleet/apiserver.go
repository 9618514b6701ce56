package fleet

import (
	"slices"
	"strings"
)

// readAPIServers lists where objects go, and links those that Karmada serves to their control plane.
func (f *Fleet) readAPIServers() {
	for name := range f.Clusters {
		f.APIServers[name] = APIServer{ID: name, Kind: "cluster", Cluster: name}
	}
	for _, kustomization := range f.tree.Kustomizations {
		f.addAPIServer(kustomization.APIServer, kustomization.Cluster)
	}
	for _, server := range sorted(f.Objects) {
		for object := range f.at(server) {
			f.addAPIServer(server, object.Cluster)
			break // all of them are the same cluster's
		}
	}
	for _, id := range sorted(f.APIServers) {
		f.linkAPIServer(id)
	}
	f.findComplete()
}

// findComplete marks the API servers of which Git shows all that Flux brings there.
func (f *Fleet) findComplete() {
	f.charts = map[string]int{}
	variable := map[string]bool{} // clusters where a chart's API server is not known
	for _, server := range sorted(f.Objects) {
		for release := range f.ofKind(server, helmReleaseKind) {
			f.charts[f.chartAt(release)]++
			if isElsewhere(release) {
				variable[f.APIServers[server].Cluster] = true
			}
		}
	}
	delete(f.charts, "")
	for id, server := range f.APIServers {
		server.Complete = f.Clusters[server.Cluster].Declared && f.charts[id] == 0 && !variable[server.Cluster] &&
			!f.receivesMore(id)
		f.APIServers[id] = server
	}
}

// chartTarget is the API server that a HelmRelease installs its chart at.
func chartTarget(release Object) string {
	if name := textAt(release.Content, "spec", "kubeConfig", "secretRef", "name"); name != "" {
		return IDOf(release.APIServer, release.Namespace, name)
	}
	return release.APIServer
}

// chartAt is chartTarget, and empty where nothing installs the chart: to Karmada a HelmRelease is an
// object to bring to members.
func (f *Fleet) chartAt(release Object) string {
	target := chartTarget(release)
	if target == release.APIServer && f.APIServers[target].Kind == "karmada" {
		return ""
	}
	return target
}

// isElsewhere is true for a HelmRelease that installs its chart at an API server that is not known.
func isElsewhere(release Object) bool {
	return hasVariable(jsonOf(at(release.Content, "spec", "kubeConfig")))
}

// receivesMore is true where something unknown may bring an API server further objects: what makes its cluster
// incomplete, or a single file on another server, which may hold objects and seldom a Kustomization.
func (f *Fleet) receivesMore(server string) bool {
	if len(f.Clusters[f.APIServers[server].Cluster].Incomplete) > 0 {
		return true
	}
	for _, k := range f.tree.Kustomizations {
		if k.APIServer == server && slices.ContainsFunc(k.Incomplete, func(i Incomplete) bool {
			return i.Kind == UnknownRemoteFile
		}) {
			return true
		}
	}
	return false
}

func (f *Fleet) addAPIServer(id, cluster string) {
	if _, known := f.APIServers[id]; known || id == "" {
		return
	}
	server := APIServer{ID: id, Kind: "cluster", Cluster: cluster}
	if id != cluster {
		server.Kind, server.KubeConfig = "unknown", strings.TrimPrefix(id, cluster+"/")
	}
	f.APIServers[id] = server
}

// linkAPIServer decides whether Karmada serves an API server, and which control plane it is. The objects of a cluster
// without an entry point all stand on its own API server, those meant for Karmada too.
func (f *Fleet) linkAPIServer(id string) {
	server := f.APIServers[id]
	cluster, known := f.Clusters[server.Cluster]
	if server.Kind == "cluster" && (!known || cluster.Declared) {
		return
	}
	near := []string{}
	for _, plane := range sorted(f.ControlPlanes) {
		c := f.ControlPlanes[plane]
		if c.Cluster != server.Cluster {
			continue
		}
		near = append(near, plane)
		if server.KubeConfig != "" && slices.Contains(c.kubeConfigs(), secretName(server)) {
			server.Kind, server.ControlPlane = "karmada", plane
		}
	}
	if server.Kind == "unknown" && (secretName(server) == "karmada-kubeconfig" || f.receivesKarmada(id)) {
		server.Kind = "karmada"
	}
	switch all := sorted(f.ControlPlanes); {
	case server.Kind == "unknown" || server.ControlPlane != "":
	case len(near) == 1:
		server.ControlPlane = near[0]
	case len(all) == 1 && server.Kind == "karmada":
		server.ControlPlane = all[0]
	}
	f.APIServers[id] = server
	if c, ok := f.ControlPlanes[server.ControlPlane]; ok {
		c.APIServers = append(c.APIServers, id)
		f.ControlPlanes[c.ID] = c
	}
}

func secretName(server APIServer) string {
	return server.KubeConfig[strings.LastIndex(server.KubeConfig, "/")+1:]
}

// kubeConfigs are the names of the Secrets that the chart or the operator makes for the control plane's users.
//
// Source: karmada v1.18.2 charts/karmada/templates/pre-install-job.yaml; operator/pkg/util/naming.go.
func (c ControlPlane) kubeConfigs() []string {
	names := []string{c.Name + "-kubeconfig"}
	if c.Kind == "Karmada" {
		names = append(names, strings.TrimSuffix(c.serviceName(), "apiserver")+"admin-config")
	}
	return names
}

// receivesKarmada is true where objects go that only a Karmada API server serves.
func (f *Fleet) receivesKarmada(server string) bool {
	for kind := range f.Objects[server] {
		_, group, _ := strings.Cut(kind, ".")
		if group == policyGroup || group == clusterGroup {
			return true
		}
	}
	return false
}
