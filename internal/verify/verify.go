// Package verify holds a tree against what its Karmada API server has: which members registered, whether they are
// ready, and whether the policies are those of Git. It asks nobody: what is live is given to it.
package verify

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// Report is a tree beside what is live.
type Report struct {
	// Members are those of the tree and those that are live, by name.
	Members []Member `json:"members"`
	// Policies are those of the tree and those that are live, by kind, namespace and name.
	Policies []Policy `json:"policies"`
}

// Member is a member cluster, in Git, live or both.
type Member struct {
	Name string `json:"name"`
	// Git says what makes it a member: "agent", "suspended agent", "Cluster" (an object in Git), "declared" (in the
	// configuration), "Flux cluster", or nothing.
	Git string `json:"git"`
	// File is where that is.
	File string `json:"file"`
	// AgentVersion is the version of Karmada that its agents run, as far as Git tells.
	AgentVersion string `json:"agentVersion"`
	// Live is what Karmada has of it; null where it has nothing.
	Live     *fleet.LiveMember `json:"live"`
	Problems []Problem         `json:"problems"`
}

// Policy is an object of policy.karmada.io, in Git, live or both.
type Policy struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// File is where it is in Git; empty where it is not.
	File string `json:"file"`
	// State is "same", "differs", "missing" (live) or "extra" (not in Git).
	State string `json:"state"`
	// Differences are the fields that differ, "spec.placement.clusterAffinity.clusterNames[2]", at most ten of them.
	Differences []string  `json:"differences"`
	Problems    []Problem `json:"problems"`
}

// Problem is one thing that is not as Git has it.
type Problem struct {
	// Kind is "unregistered", "no-agent", "unknown-to-git", "mode", "not-ready", "terminating", "version-skew",
	// "differs", "missing" or "extra".
	Kind     string         `json:"kind"`
	Severity fleet.Severity `json:"severity"`
	Message  string         `json:"message"`
}

// Compare holds the tree against what is live. The fleet is the tree's alone: what is live must not be joined with it.
func Compare(f *fleet.Fleet, live fleet.Live) Report {
	report := Report{Members: []Member{}, Policies: comparePolicies(f, live)}
	registered := map[string]fleet.LiveMember{}
	for _, object := range live.Objects {
		if member, ok := object.Member(); ok {
			registered[object.Name] = member
		}
	}
	names := slices.Concat(f.Membership.Names, slices.Collect(maps.Keys(registered)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		inGit, known := f.Members[name]
		present, isLive := registered[name]
		if known && !isLive && inGit.MereHost {
			continue
		}
		m := Member{Name: name, Problems: []Problem{}}
		if isLive {
			for _, text := range []*string{&present.Mode, &present.Ready, &present.Reason, &present.Since,
				&present.KubernetesVersion} {
				*text = secret.Name(*text)
			}
			m.Live = &present
		}
		if known {
			m.Git, m.File = origin(f, inGit), inGit.Origin.File
		}
		c := comparison{fleet: f, member: inGit, known: known, registered: slices.Sorted(maps.Keys(registered)),
			result: &m}
		c.compare()
		m.Name = secret.Name(m.Name)
		report.Members = append(report.Members, m)
	}
	return report
}

func origin(f *fleet.Fleet, m fleet.Member) string {
	switch {
	case len(m.Agents) > 0:
		return "agent"
	case len(m.Suspended) > 0:
		return "suspended agent"
	case m.Registered:
		return "Cluster"
	case m.Declared:
		return "declared"
	}
	return "Flux cluster"
}

// comparison is one member while it is compared.
type comparison struct {
	fleet      *fleet.Fleet
	member     fleet.Member
	known      bool
	registered []string
	result     *Member
}

func (c comparison) problem(kind string, severity fleet.Severity, format string, args ...any) {
	c.result.Problems = append(c.result.Problems, Problem{kind, severity, secret.Message(fmt.Sprintf(format, args...))})
}

func (c comparison) compare() {
	live, name := c.result.Live, c.result.Name
	c.compareVersions()
	switch {
	case live == nil:
		c.unregistered()
		return
	case !c.known:
		c.problem("unknown-to-git", fleet.Warning,
			"Karmada has a member %q that neither an agent nor a Cluster object in Git registers", name)
	case live.Mode == "Pull" && len(c.member.Suspended) > 0 && len(c.member.Agents) == 0:
		c.problem("no-agent", fleet.Warning, "the agent of member %q is suspended in Git", name)
	case live.Mode == "Pull" && len(c.member.Agents) == 0 && len(c.member.Unnamed) == 0:
		c.problem("no-agent", fleet.Warning, "no agent in Git registers member %q, which Karmada has in mode Pull",
			name)
	}
	if c.known && c.member.Mode != "" && live.Mode != c.member.Mode {
		c.problem("mode", fleet.Error, "member %q is registered in mode %q, and Git has it in mode %q", name, live.Mode,
			c.member.Mode)
	}
	switch {
	case live.Terminating:
		c.problem("terminating", fleet.Warning, "member %q is being removed, and what runs there with it", name)
	case live.Ready == "":
		c.problem("not-ready", fleet.Error, "member %q has never reported whether it is ready", name)
	case live.Ready != "True":
		c.problem("not-ready", fleet.Error, "member %q is not ready: %s since %s", name,
			cmp.Or(live.Reason, "no reason"), cmp.Or(live.Since, "an unknown time"))
	}
}

// unregistered says why Git counts on a member that Karmada does not have.
func (c comparison) unregistered() {
	near := spelling.DidYouMean(c.result.Name, slices.DeleteFunc(slices.Clone(c.registered), func(name string) bool {
		_, known := c.fleet.Members[name]
		return known
	}))
	switch name := c.result.Name; {
	case len(c.member.Agents) > 0:
		c.problem("unregistered", fleet.Error, "member %q has an agent in Git that never registered it with Karmada%s",
			name, near)
	case len(c.member.Suspended) > 0:
		c.problem("unregistered", fleet.Warning, "member %q is not registered, since its agent is suspended in Git",
			name)
	case c.member.Declared || c.member.Registered:
		c.problem("unregistered", fleet.Error, "member %q is not registered with Karmada%s", name, near)
	default:
		c.problem("unregistered", fleet.Warning,
			"cluster %q is not registered with Karmada, and no agent in Git registers it%s", name, near)
	}
}

// compareVersions holds the agents' version against their control plane's, both from Git: Karmada does not tell what
// version an agent has.
func (c comparison) compareVersions() {
	var plane fleet.ControlPlane
	for _, one := range c.fleet.ControlPlanes {
		plane = one
	}
	for _, id := range c.member.Agents {
		version := c.fleet.Agents[id].Version
		c.result.AgentVersion = version
		if len(c.fleet.ControlPlanes) == 1 && version != "" && plane.Version != "" &&
			minor(version) != minor(plane.Version) {
			c.problem("version-skew", fleet.Warning, "the agent of member %q runs Karmada %s and the control plane %s",
				c.result.Name, version, plane.Version)
		}
	}
}

func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// Fails is true where a problem is at least as severe as failOn; never for fleet.Off.
func (r Report) Fails(failOn fleet.Severity) bool {
	return failOn != fleet.Off && slices.ContainsFunc(r.Findings(), func(f fleet.Finding) bool {
		return f.Severity.Rank() >= failOn.Rank()
	})
}

// Findings are the problems in the form in which the webhook reports what rules find: the rule is the problem's kind.
func (r Report) Findings() []fleet.Finding {
	var all []fleet.Finding
	add := func(problems []Problem, file string, object fleet.ObjectRef) {
		for _, p := range problems {
			all = append(all, fleet.Finding{Rule: p.Kind, Severity: p.Severity, Message: p.Message, Object: object,
				Place: fleet.Place{Origin: fleet.Origin{File: file}}})
		}
	}
	for _, m := range r.Members {
		add(m.Problems, m.File, fleet.ObjectRef{Kind: "Member", Name: m.Name})
	}
	for _, p := range r.Policies {
		add(p.Problems, p.File, fleet.ObjectRef{Group: "policy.karmada.io", Kind: p.Kind, Namespace: p.Namespace,
			Name: p.Name})
	}
	return all
}
