package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

func (a *app) failoverCommand() *cobra.Command {
	var output string
	var lose, capacity []string
	cmd := &cobra.Command{
		Use:   "failover [POLICY…]",
		Short: "Show where Karmada runs the replicas, and where after the loss of members",
		Long: `Show where Karmada runs the replicas of the policies' workloads when all members are healthy, after the loss of each, and
after the loss of one after another, in the declared order (failover.order in .rollcall.yaml) or in the policy's own.

A POLICY is a name, or namespace/name; by default all of them. What hangs on the clusters' live capacity is unknown, unless
--capacity says how many replicas each has room for.`,
		Example: `  rollcall failover                                 # every policy of the repository around the working directory
  rollcall failover my-app --lose ottawa            # one question
  rollcall failover -o mermaid                      # as a graph`,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := map[string]func([]failover.Report) error{
				"table":   func(r []failover.Report) error { return failover.WriteTable(a.stdout, r) },
				"json":    func(r []failover.Report) error { return failover.WriteJSON(a.stdout, r) },
				"mermaid": func(r []failover.Report) error { return failover.WriteMermaid(a.stdout, r) },
			}[output]
			if !ok {
				return fmt.Errorf("-o %s: the format is none of table, json, mermaid", output)
			}
			room, err := parseCapacity(capacity)
			if err != nil {
				return err
			}
			f, err := a.readFleet(cmd)
			if err != nil {
				return err
			}
			policies, err := named(failover.Policies(f), args)
			if err != nil {
				return err
			}
			var steps []failover.Step
			for _, name := range lose {
				steps = append(steps, failover.Step{Kind: failover.Lose, Clusters: []string{name}})
			}
			var reports []failover.Report
			for _, policy := range policies {
				reports = append(reports, failover.NewReports(f, policy, room, steps)...)
			}
			for _, cluster := range lose {
				if !slices.ContainsFunc(reports, func(r failover.Report) bool { return slices.Contains(r.Members, cluster) }) {
					return fmt.Errorf("--lose %s: no policy uses a member of this name%s", cluster, spelling.DidYouMean(cluster, f.Membership.Names))
				}
			}
			return write(reports)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "table", "the `format`: table, json or mermaid")
	flags.StringSliceVar(&lose, "lose", nil, "only the scenario in which these `clusters` are lost, one after another")
	flags.StringSliceVar(&capacity, "capacity", nil, "for how many more replicas a cluster has room, `NAME=N`")
	complete(cmd, "output", "table", "json", "mermaid")
	return cmd
}

// readFleet reads the tree of --root, or the one around the working directory.
func (a *app) readFleet(cmd *cobra.Command) (*fleet.Fleet, error) {
	var paths []string
	if a.root != "" {
		paths = []string{a.root}
	}
	t, err := a.open(paths, nil)
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

// named are the policies that the names are of, all where there is no name.
func named(all []fleet.Object, names []string) ([]fleet.Object, error) {
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, p := range all {
		known = append(known, p.Name)
	}
	var found []fleet.Object
	for _, name := range names {
		before := len(found)
		for _, p := range all {
			if name == p.Name || name == p.Namespace+"/"+p.Name {
				found = append(found, p)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("no policy is called %q%s", name, spelling.DidYouMean(name, known))
		}
	}
	return found, nil
}
