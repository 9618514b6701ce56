package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/failover"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// completion offers a shell words for what is being typed.
type completion = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// complete offers values of a flag to the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	completeBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func completeBy(cmd *cobra.Command, flag string, by completion) {
	_ = cmd.RegisterFlagCompletionFunc(flag, by)
}

// offered are the words that go on as what is typed does, each after the list that it may end. What a shell could take
// for more than a word is none of them: names come from a repository.
func offered(typed string, words []string) ([]string, cobra.ShellCompDirective) {
	list := typed[:strings.LastIndex(typed, ",")+1]
	taken := strings.Split(list, ",")
	var all []string
	for _, word := range words {
		name, _, _ := strings.Cut(word, "\t")
		plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=") == ""
		if name != "" && plain && secret.Message(name) == name && !strings.HasPrefix(name, "-") &&
			strings.HasPrefix(list+name, typed) && !slices.Contains(taken, name) {
			all = append(all, list+word)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// completeFleet offers what a fleet has: that of the tree which the command would read. The command's arguments
// are paths, or none of them.
func (a *app) completeFleet(argsArePaths bool, of func(*fleet.Fleet) []string) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if !argsArePaths {
			args = nil
		}
		t, err := a.open(args, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer t.close()
		f, err := t.Fleet(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return offered(typed, of(f))
	}
}

func (a *app) completeRules(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	e, _, err := a.rulesHere(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, r := range e.Rules() {
		all = append(all, cobra.CompletionWithDesc(r.ID, r.Title))
	}
	return offered(typed, all)
}

// completeRule is for the only argument of a command.
func (a *app) completeRule(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeRules(cmd, args, typed)
}

func clusterNames(f *fleet.Fleet) []string { return slices.Sorted(maps.Keys(f.Clusters)) }

func memberNames(f *fleet.Fleet) []string { return f.Membership.Names }

// membersWithRoom are members before the number that --capacity takes.
func membersWithRoom(f *fleet.Fleet) (all []string) {
	for _, name := range f.Membership.Names {
		all = append(all, name+"=")
	}
	return all
}

func regionNames(f *fleet.Fleet) (all []string) {
	for _, m := range f.Members {
		all = append(all, m.Region)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// policyNames are those of policies and of their workloads.
func policyNames(f *fleet.Fleet) []string { return failover.Names(f, failover.Policies(f)) }
