package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/live"
)

// app is one run of the program: its streams and its flags.
type app struct {
	stdout, stderr io.Writer
	// libraries is told the handler that libraries are to log to; nil for none.
	libraries func(slog.Handler)

	fleet    string
	interval time.Duration
	source   string
	// sourceKubeconfig leads to the cluster that the source is in; empty for the one that the program runs in.
	sourceKubeconfig string
	apiServer        string
	loadTimeout      time.Duration
	listen           string
	status           string
	shutdown         time.Duration
	certs            certificateFlags
	clients          clientFlags
	limits           limits
	logFormat        string
	kubeconfig       string
}

// run runs the program with its arguments, without its name, until ctx is done, and gives the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	cmd := a.command()
	cmd.SetArgs(args)
	cmd.SetOut(a.stdout)
	cmd.SetErr(a.stderr)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(a.stderr, "rollcall-webhook: %v\n", err)
		return 1
	}
	return 0
}

func (a *app) command() *cobra.Command {
	var level string
	cmd := &cobra.Command{
		Use:   "rollcall-webhook [flags]",
		Short: "Judge at admission by the rules that rollcall lints with",
		Long: `Rollcall-webhook is a validating admission webhook: it answers /validate/ID for the API server with that ID in
the fleet, by the rules that rollcall lints the fleet's repository with, and /validate for the one that --api-server names, or
for the only one that there is. What it cannot judge it answers with an HTTP error, so that the failurePolicy of the webhook's
configuration decides.

On SIGTERM it is no longer ready, goes on answering for --shutdown-delay, and ends once all is answered.`,
		Example: `  rollcall-webhook --fleet testdata/fleet --self-signed --listen 127.0.0.1:9443`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := a.logger(level)
			if err != nil {
				return err
			}
			if err := a.check(); err != nil {
				return err
			}
			return a.serve(cmd.Context(), log)
		},
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "version",
		Short: "Print the program's version and those of what it judges by",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.stdout, checkout.Versions(program))
			return err
		},
	})
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.Version = checkout.Versions(program) // --version says what the command version says
	cmd.SetVersionTemplate("{{.Version}}")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w\nrun %q for the flags", err, cmd.CommandPath()+" --help")
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&a.fleet, "fleet", "",
		"the `folder` of the fleet's repository, read again when a file in it changes")
	flags.DurationVar(&a.interval, "fleet-interval", 5*time.Second, "how often to look for changed files")
	flags.StringVar(&a.source, "source", "",
		"the Flux `source` of the fleet, KIND/NAMESPACE/NAME: gitrepository/flux-system/flux-system")
	flags.StringVar(&a.sourceKubeconfig, "source-kubeconfig", "",
		"the `file` that leads to the source's cluster; by default the one that this runs in")
	flags.StringVar(&a.apiServer, "api-server", "",
		"the `ID` of the API server that asks at /validate, which every revision must have; needless where the path names it, and where the fleet has only one")
	flags.DurationVar(&a.loadTimeout, "load-timeout", time.Minute,
		"how long a revision may take to load; the last one that did goes on serving")
	flags.StringVar(&a.listen, "listen", ":9443", "the `address` of reviews, HTTPS")
	flags.StringVar(&a.status, "status-listen", "127.0.0.1:9444",
		"the `address` of /healthz, /readyz, /fleet and /metrics, HTTP; empty for none")
	flags.DurationVar(&a.shutdown, "shutdown-delay", 5*time.Second,
		"how long to answer after SIGTERM, until no new reviews are sent here")
	a.certs.add(flags)
	a.clients.add(flags)
	flags.StringVar(&a.kubeconfig, "kubeconfig", "",
		"the `file` that leads to the Karmada API server: its Clusters and policies are joined with Git, and watched")
	a.limits.add(flags)
	flags.StringVar(&level, "log-level", "info", "the least `level` that is logged: debug, info, warn or error")
	flags.StringVar(&a.logFormat, "log-format", "json", "json or text")
	return cmd
}

// check says which flags do not go together.
func (a *app) check() error {
	switch {
	case a.fleet == "" && a.source == "":
		return errors.New(
			"there is no fleet to judge by: name its folder with --fleet, or its Flux source with --source")
	case a.fleet != "" && a.source != "":
		return errors.New("--fleet and --source: the fleet is in one place")
	case a.source != "":
		if _, err := live.ParseSource(a.source); err != nil {
			return fmt.Errorf("--source %s: %w", a.source, err)
		}
	}
	if a.interval < 100*time.Millisecond {
		return fmt.Errorf("--fleet-interval %s: the least is 100ms", a.interval)
	}
	for flag, address := range map[string]string{"--listen": a.listen, "--status-listen": a.status} {
		if _, _, err := net.SplitHostPort(address); err != nil && (address != "" || flag == "--listen") {
			return fmt.Errorf("%s %s: not an address", flag, address)
		}
	}
	if a.loadTimeout < time.Second {
		return fmt.Errorf("--load-timeout %s: the least is 1s", a.loadTimeout)
	}
	if err := a.limits.check(); err != nil {
		return err
	}
	if err := a.clients.check(); err != nil {
		return err
	}
	return a.certs.check(a.kubeconfig)
}
