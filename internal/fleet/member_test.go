package fleet

import (
	"fmt"
	"strings"
	"testing"
)

// line puts a member into a line, only what is set.
func line(m Member) string {
	text := m.Name + "=" + m.FluxCluster
	for _, part := range []struct {
		name string
		ids  []string
	}{{"agents", m.Agents}, {"suspended", m.Suspended}, {"stray", m.Stray}, {"misnamed", m.Misnamed},
		{"unnamed", m.Unnamed}} {
		if len(part.ids) > 0 {
			short := strings.NewReplacer("/karmada-system/karmada-agent", "", "/karmada-agent", "").Replace(
				strings.Join(part.ids, ","))
			text += " " + part.name + ":" + short
		}
	}
	if m.Declared {
		text += " declared"
	}
	if m.Registered {
		text += " registered"
	}
	if m.Host {
		text += " host"
	}
	return strings.TrimSpace(text + " " + m.Mode)
}

func TestMembers(t *testing.T) {
	type tree = *fixture
	clusters := func(x tree, names ...string) {
		for _, name := range names {
			x.cluster(name)
		}
	}
	for name, c := range map[string]struct {
		make     func(x tree)
		declared Declared
		want     []string
	}{
		"nothing": {func(x tree) { clusters(x, "a", "b") }, Declared{}, []string{"none false"}},
		"agents alone": {func(x tree) {
			clusters(x, "talos-ottawa", "home")
			x.apply(t, "talos-ottawa", "talos-ottawa", agent("ottawa"))
		}, Declared{}, []string{"tree false", "ottawa=talos-ottawa agents:talos-ottawa Pull"}},
		"control plane and agents": {func(x tree) {
			clusters(x, "talos-ottawa", "talos-robbinsdale", "k3s-stpetersburg", "hub")
			x.apply(t, "hub", "hub", host)
			x.apply(t, "talos-ottawa", "talos-ottawa", agent("ottawa"))
			x.apply(t, "talos-robbinsdale", "talos-robbinsdale", agent("robbinsdale"))
		}, Declared{}, []string{"tree true", "ottawa=talos-ottawa agents:talos-ottawa Pull",
			"robbinsdale=talos-robbinsdale agents:talos-robbinsdale Pull", "stpetersburg=k3s-stpetersburg"}},
		"names by variable": {func(x tree) {
			x.cluster("c1", "LOCATION=ottawa", "FAILOVER=robbinsdale")
			x.cluster("c2", "LOCATION=robbinsdale", "FAILOVER=ottawa")
			x.apply(t, "c1", "c1", host)
			x.apply(t, "c1", "c1", agent("ottawa"))
		}, Declared{}, []string{"tree true", "ottawa=c1 agents:c1 host Pull", "robbinsdale=c2"}},
		"no agent anywhere": {func(x tree) {
			clusters(x, "hub", "a")
			x.apply(t, "hub", "hub", host)
		}, Declared{}, []string{"tree false", "a=a"}},
		"unreadable name": {func(x tree) {
			clusters(x, "hub", "a")
			x.apply(t, "hub", "hub", host)
			x.apply(t, "a", "a", agent("${NAME}"))
		}, Declared{}, []string{"tree false", "a=a unnamed:a"}},
		"suspended and stray": {func(x tree) {
			clusters(x, "hub", "a", "eu-b")
			x.apply(t, "hub", "hub", host)
			x.apply(t, "a", "a", agent("a"))
			x.Objects[1].Suspended = true
			x.Unreached = parse(t, "clusters/eu-b/agent.yaml", agent("b"))
		}, Declared{}, []string{"tree true", "a=a suspended:a Pull", "b=eu-b stray:clusters/eu-b/agent.yaml"}},
		"registered": {func(x tree) {
			clusters(x, "talos-ottawa", "talos-robbinsdale", "home")
			x.apply(t, "talos-ottawa", "talos-ottawa", host)
			x.apply(t, "talos-ottawa", "talos-ottawa/flux-system/karmada-kubeconfig",
				registration("robbinsdale", "Push"))
			x.apply(t, "home", "home", "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg}")
		}, Declared{}, []string{"tree false", "robbinsdale=talos-robbinsdale registered Push"}},
		"registered, wrong agent names": {func(x tree) {
			clusters(x, "hub", "prod-1", "prod-2")
			x.apply(t, "hub", "hub", host)
			x.apply(t, "hub", "hub/flux-system/k", registration("prod-1", "Pull"))
			x.apply(t, "hub", "hub/flux-system/k", registration("prod-2", "Pull"))
			x.apply(t, "prod-1", "prod-1", agent("prod-1-x"))
			x.apply(t, "prod-2", "prod-2", agent("prod-1"))
		}, Declared{}, []string{"tree true", "prod-1=prod-1 agents:prod-2 misnamed:prod-1 registered Pull",
			"prod-2=prod-2 misnamed:prod-2 registered Pull"}},
		"copied agent": {func(x tree) {
			clusters(x, "hub", "talos-a", "talos-b")
			x.apply(t, "hub", "hub", host)
			x.apply(t, "talos-a", "talos-a", agent("a"))
			x.apply(t, "talos-b", "talos-b", agent("a"))
		}, Declared{}, []string{"tree true", "a=talos-a agents:talos-a,talos-b Pull", "b=talos-b misnamed:talos-b"}},
		"declared": {func(x tree) {
			clusters(x, "hub", "talos-a", "talos-b")
			x.apply(t, "hub", "hub", host)
			x.apply(t, "talos-a", "talos-a", agent("a"))
			x.apply(t, "talos-b", "talos-b", agent("bee"))
		}, Declared{Members: []DeclaredMember{{Name: "a"}, {Name: "b"}, {Name: "c"}}}, []string{"declared true",
			"a=talos-a agents:talos-a declared Pull", "b=talos-b misnamed:talos-b declared", "c= declared"}},
		"agent behind a kubeconfig": {func(x tree) {
			clusters(x, "hub")
			x.apply(t, "hub", "hub/flux-system/far", agent("far"))
		}, Declared{}, []string{"tree false", "far= agents:hub/flux-system/far Pull"}},
		"two names end alike": {func(x tree) {
			clusters(x, "eu-one", "us-one")
			x.apply(t, "eu-one", "eu-one/flux-system/k", registration("one", "Push"))
		}, Declared{}, []string{"tree false", "one= registered Push"}},
	} {
		t.Run(name, func(t *testing.T) {
			x := &fixture{}
			c.make(x)
			f := Build(&x.Tree, c.declared)
			got := []string{fmt.Sprint(f.Membership.Basis, " ", f.Membership.Certain)}
			for _, name := range f.Membership.Names {
				got = append(got, line(f.Members[name]))
			}
			equal(t, "members", got, c.want)
		})
	}
}

func TestMemberOfClusterObject(t *testing.T) {
	x := fixture{}
	x.cluster("a")
	x.apply(t, "a", "a/flux-system/k", registration("one", "Push"))
	equal(t, "member", Build(&x.Tree, Declared{}).Members, map[string]Member{"one": {
		Name: "one", Registered: true, Mode: "Push", Provider: "metal", Region: "north", Zones: []string{"a", "b"},
		Labels: map[string]string{"env": "prod"}, Origin: Origin{File: "clusters/a/apps.yaml"},
		Agents: []string{}, Suspended: []string{}, Stray: []string{}, Misnamed: []string{}, Unnamed: []string{},
		Unseen: []string{}, Taints: []Taint{},
		Healthy: Tainted{Ways: [][]Taint{{}}},
		Lost: Tainted{Ways: [][]Taint{{{Key: "cluster.karmada.io/not-ready", Effect: "NoSchedule"}}},
			Without: "no ClusterTaintPolicy adds a NoExecute taint", More: true},
		Recovered: Tainted{Ways: [][]Taint{{}}},
	}})
}

func TestMemberOrigins(t *testing.T) {
	x := fixture{}
	x.cluster("hub")
	x.cluster("a")
	x.cluster("b")
	x.apply(t, "hub", "hub", host)
	x.apply(t, "a", "a", agent("a"))
	f := Build(&x.Tree, Declared{})
	equal(t, "by its agent", f.Members["a"].Origin, Origin{File: "clusters/a/apps.yaml"})
	equal(t, "by its Flux cluster", f.Members["b"].Origin, Origin{File: "clusters/b/flux/cluster.yaml"})
	declared := DeclaredMember{Name: "a", Origin: Origin{File: ".rollcall.yaml", Field: []any{"members", 0}}}
	f = Build(&x.Tree, Declared{Members: []DeclaredMember{declared}})
	equal(t, "by the configuration", f.Members["a"].Origin, declared.Origin)
}
