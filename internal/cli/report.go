package cli

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/page"
)

func (a *app) reportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "report [PATH]",
		Short: "Write the fleet as one page of HTML",
		Long: `Write the fleet as one page of HTML, which needs no network and no server: its clusters, control planes and members, where the
policies place replicas and where after the loss of members, the findings, and what was followed. No secret value is in it.`,
		Example: `  rollcall report -o fleet.html`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.open(args, nil)
			if err != nil {
				return err
			}
			defer t.close()
			p := a.startProgress()
			defer p.stop()
			c, err := (&lint{app: a}).check(cmd.Context(), t, nil, p)
			if err != nil {
				return err
			}
			p.stop()
			var findings, html bytes.Buffer
			if err := c.verdict().report(t).JSON(&findings); err != nil {
				return err
			}
			if err := page.Write(&html, c.fleet, slices.Concat(c.found, c.alone), findings.Bytes()); err != nil {
				return err
			}
			if output == "-" {
				_, err = a.stdout.Write(html.Bytes())
			} else {
				err = t.writeFile(output, html.Bytes())
			}
			if err != nil {
				return fmt.Errorf("write %s: %w", output, checkout.Cause(err))
			}
			return c.stopped
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "fleet.html", "the `file`; - is stdout")
	return cmd
}
