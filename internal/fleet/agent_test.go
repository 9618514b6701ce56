package fleet

import "testing"

func TestChartByReference(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a", `
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: agent, namespace: karmada-system}
spec:
  kubeConfig: {secretRef: {name: remote}}
  chartRef: {kind: OCIRepository, name: charts, namespace: flux-system}
  values: {installMode: agent, agent: {clusterName: a}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: charts, namespace: flux-system}
spec: {url: oci://registry.example.test/charts/karmada, ref: {tag: 1.17.1}}`)
	got := Build(&x.Tree, Declared{}).Agents["a/karmada-system/agent"]
	equal(t, "name, version and cluster", []string{got.Name, got.Version, got.Cluster}, []string{"a", "1.17.1", ""})

	x.Objects[0].Content["spec"].(map[string]any)["chartRef"].(map[string]any)["name"] = "karmada-charts"
	equal(t, "source not in Git", Build(&x.Tree, Declared{}).Agents["a/karmada-system/agent"].Name, "a")
}

func TestDeploymentAgent(t *testing.T) {
	const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: karmada-agent, namespace: karmada-system}
spec:
  template:
    spec:
      containers:
        - name: sidecar
          image: example.test/proxy:v1
        - name: agent
          image: docker.io/karmada/karmada-agent:v1.18.2
          env: [{name: MEMBER, value: ottawa}]
          `
	field := []any{"spec", "template", "spec", "containers", 1}
	none := Agent{EndpointState: Missing, EndpointField: field}
	for name, c := range map[string]struct {
		container string
		member    string
		state     State
		field     []any
		lease     string
		endpoint  Agent // its address, state and field
	}{
		"equals sign": {"command: [/bin/karmada-agent, --cluster-name=ottawa]", "ottawa", Found,
			join(field, "command", 1), "karmada-system", none},
		"two words": {"args: [--v=4, --cluster-name, ottawa]", "ottawa", Found, join(field, "args", 2),
			"karmada-system", none},
		"env": {"args: [--cluster-name=$(MEMBER)]", "ottawa", Found, join(field, "args", 0), "karmada-system",
			none},
		"shell": {`command: [sh, -c, "exec /bin/karmada-agent --cluster-name=ottawa"]`, "ottawa", Found,
			join(field, "command", 2), "karmada-system", none},
		"other env": {"args: [--cluster-name=$(OTHER)]", "", Unknown, join(field, "args", 0), "karmada-system", none},
		"variable": {`args: ["--cluster-name=${LOCATION}"]`, "", Unknown, join(field, "args", 0), "karmada-system",
			none},
		"none": {"args: [--v=4]", "", Missing, field, "karmada-system", none},
		"more flags": {
			"args: [--cluster-name=ottawa, --leader-elect-resource-namespace=agents, --cluster-api-endpoint=https://a]",
			"ottawa", Found,
			join(field, "args", 0), "agents", Agent{Endpoint: "https://a", EndpointState: Found,
				EndpointField: join(field, "args", 2)}},
	} {
		t.Run(name, func(t *testing.T) {
			x := fixture{}
			x.cluster("a")
			x.apply(t, "a", "a", deployment+c.container)
			equal(t, "agents", Build(&x.Tree, Declared{}).Agents, map[string]Agent{"a/karmada-system/karmada-agent": {
				ID: "a/karmada-system/karmada-agent", Kind: "Deployment", Cluster: "a", Reached: true,
				Origin: Origin{File: "clusters/a/apps.yaml"}, Version: "1.18.2", Tag: "v1.18.2",
				TagField:  join(field, "image"),
				Namespace: "karmada-system", LeaseNamespace: c.lease,
				Endpoint: c.endpoint.Endpoint, EndpointState: c.endpoint.EndpointState,
				EndpointField: c.endpoint.EndpointField,
				Name:          c.member, NameState: c.state, NameField: c.field,
				ServerState: Unknown, ServerField: field, Unlisted: []UnlistedValues{},
				Credentials: map[string]Credential{}, Zones: []string{},
			}})
		})
	}
}

func TestSuspendedAgent(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a", agent("a"))
	x.apply(t, "a", "a", agent("a"))
	x.Objects[1].Kustomization = "a/flux-system/other"
	suspended := func() bool { return Build(&x.Tree, Declared{}).Agents["a/karmada-system/karmada-agent"].Suspended }
	x.Objects[0].Suspended = true
	if suspended() {
		t.Error("one Kustomization still reconciles the agent")
	}
	x.Objects[1].Suspended = true
	if !suspended() {
		t.Error("both Kustomizations are suspended")
	}
}

func TestAgentWithoutReplicas(t *testing.T) {
	const container = "template: {spec: {containers: [{image: karmada/karmada-agent, args: [--cluster-name=ottawa]}]}}"
	for replicas, want := range map[string]bool{"": false, "replicas: 1, ": false, "replicas: 0, ": true} {
		x := fixture{}
		x.cluster("a")
		x.apply(t, "a", "a",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: karmada-agent, namespace: k}\nspec: {"+replicas+
				container+"}\n")
		f := Build(&x.Tree, Declared{})
		equal(t, replicas, []any{f.Agents["a/k/karmada-agent"].Suspended, len(f.Members["ottawa"].Agents)},
			[]any{want, map[bool]int{true: 0, false: 1}[want]})
	}
}

func TestStrayAgent(t *testing.T) {
	x := fixture{}
	x.cluster("talos-ottawa", "LOCATION=ottawa")
	folder := "clusters/talos-ottawa/apps/"
	x.Unreached = parse(t, folder+"karmada-agent/app/helmrelease.yaml", agent("${LOCATION}"))
	x.Files = []File{
		{Path: "kustomization.yaml", Class: KustomizeFile},
		{Path: folder + "kustomization.yaml", Class: KustomizeFile, ReachedBy: []string{"talos-ottawa"}},
		{Path: folder + "karmada-agent/ks.yaml", Class: Manifest},
		{Path: folder + "karmada-agent/app/kustomization.yaml", Class: KustomizeFile},
	}
	id := folder + "karmada-agent/app/helmrelease.yaml/karmada-agent"
	got := Build(&x.Tree, Declared{}).Agents[id]
	equal(t, "place", []string{got.ID, got.Cluster, got.ListIn, got.Name},
		[]string{id, "talos-ottawa", folder + "kustomization.yaml", "ottawa"})
	if got.Reached || got.NameState != Found {
		t.Errorf("reached %t, name %s", got.Reached, got.NameState)
	}

	listAs := func() string { return Build(&x.Tree, Declared{}).Agents[id].ListAs }
	equal(t, "the folder that has a list of its own", listAs(), "karmada-agent/app")
	leading := func(file, to string) *Object {
		return parse(t, file, "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n"+
			"spec: {path: \"./"+to+"\"}\n")[0]
	}
	app := folder + "karmada-agent/app"
	alone := x.Unreached
	x.Unreached = append(alone, leading(folder+"karmada-agent/ks.yaml", app))
	equal(t, "the Flux Kustomization", listAs(), "karmada-agent/ks.yaml")
	x.Unreached = append(x.Unreached, leading(folder+"other/ks.yaml", app))
	equal(t, "two of them", listAs(), "")
	x.Unreached = append(alone, leading("elsewhere/ks.yaml", app))
	equal(t, "one that another file would list", listAs(), "")
	x.Unreached = append(alone, leading(folder+"karmada-agent/ks.yaml",
		"clusters/talos-${LOCATION}/apps/karmada-agent"))
	equal(t, "one that leads to a folder around it, by a variable", listAs(), "karmada-agent/ks.yaml")
	x.Unreached = append(alone, leading(folder+"karmada-agent/ks.yaml", "clusters/${UNKNOWN}/apps/karmada-agent/app"))
	equal(t, "one that may lead to it", listAs(), "")
	x.Unreached = alone
	x.Files[3].Path = folder + "kustomization.yml"
	equal(t, "the file", listAs(), "karmada-agent/app/helmrelease.yaml")
	x.Files[3].Path = folder + "karmada-agent/app/kustomization.yaml"
	x.Files[1].ReachedBy = []string{"talos-ottawa", "talos-robbinsdale"}
	equal(t, "two clusters", listAs(), "")
	x.Files[1].ReachedBy = []string{"talos-ottawa"}
	x.Clusters = append(x.Clusters, Cluster{Name: "talos-robbinsdale", Incomplete: []Incomplete{{Kind: UnknownPath}}})
	equal(t, "another cluster's that is not led anywhere", listAs(), "karmada-agent/app")
	x.Clusters[0].Incomplete = []Incomplete{{Kind: UnknownPath}}
	equal(t, "one that is not led anywhere", listAs(), "")

	x.Files[1].ReachedBy = nil
	equal(t, "nearest of unread files", Build(&x.Tree, Declared{}).Agents[id].ListIn,
		folder+"karmada-agent/app/kustomization.yaml")
	x.Files = nil
	equal(t, "no file at all", Build(&x.Tree, Declared{}).Agents[id].ListIn, "")
}
