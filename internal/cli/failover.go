package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

func (a *app) failoverCommand() *cobra.Command {
	var output, assert string
	var capacity, policy, only []string
	var steps []failover.Step
	var wide bool
	cmd := &cobra.Command{
		Use:   "failover [NAME…]",
		Short: "Show where Karmada runs the replicas, and where after the loss of members",
		Long: `Show where Karmada runs the replicas of the policies' workloads when all members are healthy, and where after the loss of each: first
how many workloads the loss of each member concerns and what becomes of them, then a table for each workload, with the loss of one member
after another in the declared order (failover.order in .rollcall.yaml) or in the policy's own. Of many workloads only the first are shown.

A NAME is a policy's or a workload's, or namespace/name; by default all of them. What hangs on the clusters' live capacity is unknown,
unless --capacity says how many replicas each has room for.

--lose, --lose-region, --recover, --unhealthy, --rebalance, --scale and --join are what happens, in the order in which they are given. The
outcome is that of the last one.`,
		Example: `  rollcall failover                                 # every policy of the repository around the working directory
  rollcall failover my-app --lose ottawa            # one question
  rollcall failover my-app --lose ottawa --recover ottawa --rebalance
  rollcall failover --only pending,unknown          # what the loss of a member leaves without a place
  rollcall failover --assert objectives.yaml        # fails where an objective is not met
  rollcall failover -o markdown                     # what to do when a member is lost`,
		SuggestFor: []string{"simulate", "simulation", "plan"},
		RunE: func(cmd *cobra.Command, args []string) error {
			width := a.width()
			if wide {
				width = 0
			}
			write, ok := map[string]func(failover.Document) error{
				"table":    func(d failover.Document) error { return failover.WriteTable(a.stdout, d, width) },
				"json":     func(d failover.Document) error { return failover.WriteJSON(a.stdout, d) },
				"markdown": func(d failover.Document) error { return failover.WriteMarkdown(a.stdout, d) },
				"mermaid":  func(d failover.Document) error { return failover.WriteMermaid(a.stdout, d) },
			}[output]
			if !ok {
				return fmt.Errorf("-o %s: the format is none of table, json, markdown, mermaid", output)
			}
			q := failover.Question{Names: append(args, policy...), Most: map[bool]int{false: 4_000}[wide]}
			var err error
			if q.Capacity, err = parseCapacity(capacity); err != nil {
				return err
			}
			for _, outcome := range only {
				if !slices.Contains(outcomes, outcome) {
					return fmt.Errorf("--only %s: the outcome is none of %s", outcome, strings.Join(outcomes, ", "))
				}
				q.Only = append(q.Only, failover.Outcome(outcome))
			}
			var objectives []failover.Objective
			if assert != "" {
				if len(steps) > 0 || len(q.Only) > 0 {
					return errors.New(
						"--assert is about the loss of each member alone, and goes with no step and no --only")
				}
				if objectives, err = readObjectives(assert); err != nil {
					return err
				}
			}
			f, err := a.readFleet(cmd)
			if err != nil {
				return err
			}
			q.Policies = failover.Policies(f)
			if err := named(f, q); err != nil {
				return err
			}
			if q.Steps, err = failover.Steps(f, steps); err != nil {
				return err
			}
			if len(q.Steps) > 0 && len(q.Only) > 0 {
				return errors.New("--only is about the loss of each member alone, and goes with no step")
			}
			d := failover.Survey(f, q)
			for _, s := range q.Steps {
				if err := used(f, d, s); err != nil {
					return err
				}
			}
			if len(d.Policies) == 0 && output == "table" {
				text := "Git brings no PropagationPolicy or ClusterPropagationPolicy to an API server"
				if len(q.Only) > 0 {
					text = "no workload has such an outcome"
				}
				fmt.Fprintln(a.stdout, text)
			} else if err := write(d); err != nil {
				return err
			}
			unmet := failover.Unmet(d, objectives)
			for _, text := range unmet {
				fmt.Fprintf(a.stderr, "%s: %s\n", assert, text)
			}
			if len(unmet) > 0 {
				return errFindings
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "table", "the `format`: table, json, markdown or mermaid")
	step := func(kind failover.StepKind, name, usage string) {
		flags.Var(&stepFlag{kind, &steps}, name, usage)
	}
	step(failover.Lose, "lose", "these `clusters` are lost, one after another")
	step(failover.LoseRegion, "lose-region", "all clusters of this `region` are lost at once")
	step(failover.Recover, "recover", "these lost `clusters` are ready again")
	step(failover.Unhealthy, "unhealthy", "the workload is unhealthy on these `clusters`")
	step(failover.Join, "join", "these `clusters` become members, without labels and fields")
	step(failover.Scale, "scale", "the workload asks for `N` replicas")
	step(failover.Rebalance, "rebalance", "a WorkloadRebalancer names the workload")
	flags.Lookup("rebalance").NoOptDefVal = "true"
	flags.StringSliceVar(&capacity, "capacity", nil, "for how many more replicas a cluster has room, `NAME=N`")
	flags.StringSliceVar(&policy, "policy", nil, "only the policies or workloads of these `names`")
	flags.StringSliceVar(&only, "only", nil,
		"only workloads for which the loss of some member has one of these `outcomes`")
	flags.StringVar(&assert, "assert", "", "fail unless the loss of each member meets the objectives of a `file`")
	flags.BoolVar(&wide, "wide", false, "show all workloads, in lines of any length")
	complete(cmd, "output", "table", "json", "markdown", "mermaid")
	complete(cmd, "only", outcomes...)
	for _, flag := range []string{"lose", "recover", "unhealthy"} {
		completeBy(cmd, flag, a.completeFleet(false, memberNames))
	}
	completeBy(cmd, "lose-region", a.completeFleet(false, regionNames))
	completeBy(cmd, "capacity", a.completeFleet(false, membersWithRoom))
	completeBy(cmd, "policy", a.completeFleet(false, policyNames))
	cmd.ValidArgsFunction = a.completeFleet(false, policyNames)
	return cmd
}

var outcomes = []string{"moves", "pending", "refused", "stays", "unknown"}

// stepFlag adds steps in the order in which flags are given.
type stepFlag struct {
	kind  failover.StepKind
	steps *[]failover.Step
}

func (s *stepFlag) String() string { return "" }

func (s *stepFlag) Type() string { return "string" }

func (s *stepFlag) Set(text string) error {
	switch s.kind {
	case failover.Rebalance:
		*s.steps = append(*s.steps, failover.Step{Kind: s.kind})
		return nil
	case failover.Scale:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return errors.New("it is no number of replicas")
		}
		*s.steps = append(*s.steps, failover.Step{Kind: s.kind, Replicas: int(n)})
		return nil
	}
	for name := range strings.SplitSeq(text, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "":
			return errors.New("a name is empty")
		case s.kind == failover.LoseRegion:
			*s.steps = append(*s.steps, failover.Step{Kind: s.kind, Region: name})
		default:
			*s.steps = append(*s.steps, failover.Step{Kind: s.kind, Clusters: []string{name}})
		}
	}
	return nil
}

// used tells whether a policy may use a cluster of a step; one that joins is none of them yet.
func used(f *fleet.Fleet, d failover.Document, s failover.Step) error {
	if s.Kind == failover.Join || s.Kind == failover.LoseRegion {
		return nil
	}
	for _, cluster := range s.Clusters {
		joins := func(r failover.Report) bool { return slices.Contains(r.Members, cluster) }
		if !slices.ContainsFunc(d.Policies, joins) {
			return fmt.Errorf("--%s %s: no policy uses a member of this name%s", s.Kind, cluster,
				spelling.DidYouMean(cluster, f.Membership.Names))
		}
	}
	return nil
}

// named tells whether each name is that of a policy or workload.
func named(f *fleet.Fleet, q failover.Question) error {
	if len(q.Names) == 0 {
		return nil
	}
	known := failover.Names(f, q.Policies)
	for _, name := range q.Names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("no policy is called %q%s", name, spelling.DidYouMean(name, known))
		}
	}
	return nil
}

// readObjectives reads the file of --assert.
func readObjectives(name string) ([]failover.Objective, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the objectives: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the objectives: %w", err)
	}
	objectives, err := failover.ReadObjectives(data)
	if err != nil {
		return nil, fmt.Errorf("read the objectives: %s: %w", name, err)
	}
	return objectives, nil
}

// width is that of the terminal, or what is read well elsewhere.
func (a *app) width() int {
	if file, ok := a.stdout.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 120
}

// readFleet reads the tree of --root, or the one around the working directory.
func (a *app) readFleet(cmd *cobra.Command) (*fleet.Fleet, error) {
	t, err := a.open(nil, nil)
	if err != nil {
		return nil, err
	}
	defer t.close()
	p := a.startProgress()
	defer p.stop()
	p.say("reading " + t.dir)
	return t.Fleet(cmd.Context())
}

func parseCapacity(flags []string) (map[string]int, error) {
	room := map[string]int{}
	for _, text := range flags {
		name, number, _ := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || name == "" {
			return nil, fmt.Errorf("--capacity %s: not of the form NAME=N", text)
		}
		room[name] = n
	}
	return room, nil
}
