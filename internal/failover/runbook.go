package failover

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/secret"
)

// evictionSeconds is how long Karmada takes from one eviction to the next, by default.
//
// Source: karmada-io/karmada v1.18.2 cmd/controller-manager/app/options/cluster_failover.go:52
// (--resource-eviction-rate).
const evictionSeconds = 2

// WriteMarkdown writes a runbook: for each member what its loss does, in what order and time, and how to bring it back.
func WriteMarkdown(w io.Writer, d Document) error {
	var b strings.Builder
	b.WriteString("# When a member is lost\n")
	for _, l := range d.Matrix {
		for _, name := range l.Members {
			writeChapter(&b, d, l, name)
		}
	}
	writeAside(&b, d)
	if d.LeftOut > 0 {
		fmt.Fprintf(&b, "\n%d more workloads are left out; ask for them with --wide.\n", d.LeftOut)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeChapter(b *strings.Builder, d Document, l Lost, name string) {
	fmt.Fprintf(b,
		"\n## %s\n\nWorkloads: %d. Replicas that move: %d. Workloads that are left pending: %d, that stay: %d, unknown: %d.\n",
		secret.Name(name), l.Workloads, l.Moved, l.Pending, l.Stays, l.Unknown)
	if l.hangsOnPlane() {
		fmt.Fprintf(b, "\n%s.\n", hosting)
	}
	sections := []struct {
		outcome Outcome
		title   string
		lines   []string
	}{{outcome: Moves, title: "What moves, one after another"}, {outcome: Pending, title: "What stays down"},
		{outcome: Stays, title: "What is not placed anew"}, {outcome: Unknown, title: "What is not known"}}
	for _, r := range d.Policies {
		healthy := slices.IndexFunc(r.Scenarios, func(s Scenario) bool { return len(s.Steps) == 0 })
		after := slices.IndexFunc(r.Scenarios, func(s Scenario) bool {
			return len(s.Steps) == 1 && slices.Equal(s.Lost, []string{name})
		})
		if r.Workload == nil || healthy < 0 || after < 0 {
			continue
		}
		s := r.Scenarios[after]
		if _, ran := r.Scenarios[healthy].Replicas[name]; !ran && s.Outcome != Unknown {
			continue
		}
		for i := range sections {
			if sections[i].outcome == s.Outcome {
				sections[i].lines = append(sections[i].lines, fmt.Sprintf(
					"%s (%s) → %s: %s", r.what(), qualified(r.Policy), s.placed(r.Members), secret.Message(s.Why)))
			}
		}
	}
	for _, s := range sections {
		if len(s.lines) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s:\n\n", s.title)
		for i, line := range s.lines {
			fmt.Fprintf(b, "%d. %s\n", i+1, line)
		}
		if s.outcome == Moves {
			fmt.Fprintf(b,
				"\nA lost pull member counts as lost after 30 to 50 s, a push member after 30 s; the evictions then take %d s or more, by default.\n",
				evictionSeconds*len(s.lines))
			b.WriteString(
				"What moves runs twice if the member still runs cut off from the control plane, until it can be reached again.\n")
		}
	}
	fmt.Fprintf(b,
		"\nTo bring it back: make %s ready, see that no ClusterTaintPolicy's taint is left on it, and look with\n"+
			"`rollcall failover --lose %s --recover %s --rebalance` where a WorkloadRebalancer puts the replicas.\n",
		secret.Name(name), secret.Name(name), secret.Name(name))
}

// writeAside writes the chapter of what runs on no member while all are ready.
func writeAside(b *strings.Builder, d Document) {
	n := 0
	for _, r := range d.Policies {
		outcome, why := r.aside()
		if outcome == "" {
			continue
		}
		if n++; n == 1 {
			b.WriteString(
				"\n## Whatever is lost\n\nWhat runs nowhere, or nobody knows where, while all members are ready:\n\n")
		}
		fmt.Fprintf(b, "%d. %s (%s), %s: %s\n", n, r.what(), qualified(r.Policy), outcome, secret.Message(why))
	}
}
