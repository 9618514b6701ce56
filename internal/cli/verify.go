package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/apiserver"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
	"github.com/rollcall-dev/rollcall/internal/verify"
)

// verifyCommand is the only command that opens a connection, and this file the only one that can.
func (a *app) verifyCommand() *cobra.Command {
	var kubeconfig, kubecontext, server, output, failOn string
	cmd := &cobra.Command{
		Use:   "verify [--kubeconfig FILE] [PATH]",
		Short: "Compare the tree with what a Karmada API server has",
		Long: `Compare the tree with what a Karmada API server has: members that never registered, that are not ready, that Git does not
know or that have no agent in Git; their mode and version; and policies that differ, are missing or are not in Git.

It reads Clusters and policies, once, and writes nothing. It is the only command that opens a connection, to the server
that the kubeconfig names and no other; a client certificate or a token must be in the kubeconfig, which may run no program.
Without --kubeconfig it is the one that KUBECONFIG names.

The exit code is 0 where all is as Git has it, 1 with problems at or above --fail-on, 2 where it could not finish.`,
		Example: `  rollcall verify --kubeconfig karmada.config
  KUBECONFIG=karmada.config rollcall verify -o json clusters`,
		SuggestFor: []string{"compare", "drift", "live"},
		Args:       cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := map[string]func(verify.Report, io.Writer) error{
				"table": verify.Report.WriteTable, "json": verify.Report.WriteJSON}[output]
			if !ok {
				return fmt.Errorf("-o %s: the format is none of table, json", output)
			}
			severity, err := parseFailOn(failOn)
			if err != nil {
				return err
			}
			file, by, err := a.kubeconfig(kubeconfig)
			if err != nil {
				return err
			}
			if _, err := physical(file); err != nil {
				return fmt.Errorf("%s %s: %w", by, file, checkout.Cause(err))
			}
			client, err := apiserver.Open(file, kubecontext)
			if err != nil {
				return err
			}
			report, err := a.verify(cmd.Context(), client, server, args)
			if err != nil {
				return err
			}
			if err := write(report, a.stdout); err != nil {
				return err
			}
			if report.Fails(severity) {
				return errFindings
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "",
		"the kubeconfig's `file` that leads to the Karmada API server; by default the one that KUBECONFIG names")
	flags.StringVar(&kubecontext, "context", "", "the `context` in it; by default the current one")
	// Their names of before.
	flags.StringVar(&kubeconfig, "karmada-kubeconfig", "", "see --kubeconfig")
	flags.StringVar(&kubecontext, "karmada-context", "", "see --context")
	flags.Lookup("karmada-kubeconfig").Hidden, flags.Lookup("karmada-context").Hidden = true, true
	flags.StringVar(&server, "api-server", "",
		"the `ID` of that API server in the tree, where the tree has several: rollcall facts lists apiServers")
	flags.StringVarP(&output, "output", "o", "table", "the `format`: table or json")
	flags.StringVar(&failOn, "fail-on", "error",
		"the least `severity` that makes the exit code 1: error, warning, info or never")
	complete(cmd, "output", "table", "json")
	completeBy(cmd, "api-server", a.completeFleet(true, karmadaServers))
	complete(cmd, "fail-on", "error", "warning", "info", "never")
	return cmd
}

// kubeconfig is the file that leads to the API server, and what names it: the flag, else KUBECONFIG. Of the files of a
// list in KUBECONFIG one alone may be there: which of them would lead to Karmada is not for a guess.
func (a *app) kubeconfig(flag string) (file, by string, err error) {
	if flag != "" {
		return flag, "--kubeconfig", nil
	}
	const variable = "KUBECONFIG"
	var all, there []string
	for _, name := range filepath.SplitList(a.getenv(variable)) {
		if name == "" || slices.Contains(all, name) {
			continue
		}
		all = append(all, name)
		if _, err := os.Stat(name); err == nil {
			there = append(there, name)
		}
	}
	switch {
	case len(all) == 0:
		return "", "", errors.New(
			"nothing leads to the Karmada API server: name a kubeconfig with --kubeconfig or in " + variable)
	case len(there) > 1:
		return "", "", fmt.Errorf("%s names several files, %s: name one of them with --kubeconfig", variable,
			strings.Join(there, ", "))
	case len(there) == 1:
		return there[0], variable, nil
	}
	return all[0], variable, nil
}

// verify reads the tree, then asks the API server.
func (a *app) verify(ctx context.Context, client *apiserver.Client, server string, paths []string) (verify.Report,
	error) {
	t, err := a.open(paths, nil)
	if err != nil {
		return verify.Report{}, err
	}
	defer t.close()
	p := a.startProgress()
	defer p.stop()
	p.say("reading " + t.Name)
	f, err := t.Fleet(ctx)
	if err != nil {
		return verify.Report{}, err
	}
	if err := checkServer(f, server); err != nil {
		return verify.Report{}, err
	}
	p.say("asking " + client.Server())
	live, err := ask(ctx, client)
	if err != nil {
		return verify.Report{}, err
	}
	live.APIServer = server
	return verify.Compare(f, live), nil
}

// checkServer makes sure that it is plain which API server of the tree is meant.
func checkServer(f *fleet.Fleet, server string) error {
	karmada := karmadaServers(f)
	switch {
	case server != "" && !slices.Contains(karmada, server):
		return fmt.Errorf("--api-server %s: the tree has no Karmada API server of this ID, but %s", server,
			strings.Join(karmada, ", "))
	case server == "" && len(karmada) > 1 && f.KarmadaServers() == nil:
		return fmt.Errorf("the tree has several Karmada API servers, so name one with --api-server: %s",
			strings.Join(karmada, ", "))
	}
	return nil
}

func karmadaServers(f *fleet.Fleet) (ids []string) {
	for id, s := range f.APIServers {
		if s.Kind == "karmada" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// ask lists what the comparison is about. A release of Karmada that lacks a kind of policy has none of them; one that
// lacks Clusters is no Karmada.
func ask(ctx context.Context, client *apiserver.Client) (fleet.Live, error) {
	var live fleet.Live
	for _, resource := range fleet.LiveResources() {
		items, err := client.List(ctx, resource.Group, resource.Version, resource.Resource)
		if errors.Is(err, apiserver.ErrNotServed) && resource.Kind != "Cluster" {
			continue
		}
		if err != nil {
			return live, err
		}
		for _, item := range items {
			item["apiVersion"], item["kind"] = resource.Group+"/"+resource.Version, resource.Kind
			if object, ok := fleet.LiveObject(item); ok {
				object.Content = secret.Redact(object.Content)
				live.Objects = append(live.Objects, object)
			}
		}
	}
	return live, nil
}
