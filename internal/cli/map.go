package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/picture"
)

func (a *app) mapCommand() *cobra.Command {
	var format string
	writers := map[string]func(io.Writer, picture.Picture) error{
		"text": picture.WriteText, "json": picture.WriteJSON, "mermaid": picture.WriteMermaid, "dot": picture.WriteDot,
	}
	cmd := &cobra.Command{
		Use:   "map [PATH]",
		Short: "Draw the fleet: its clusters, control planes, members and policies",
		Long: `Draw the fleet as Git has it: the Flux clusters and what they apply, Karmada's control planes and members, where the policies
place replicas while all members are healthy, and how many findings belong to each.`,
		Example: `  rollcall map                 # in the terminal
  rollcall map -o mermaid      # for a README; GitHub draws it
  rollcall map -o dot | dot -Tsvg`,
		SuggestFor: []string{"graph", "show", "topology", "tree"},
		Args:       cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := writers[format]
			if !ok {
				return fmt.Errorf("-o %s: the format is none of text, json, mermaid, dot", format)
			}
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
			if err := write(a.stdout, picture.Of(c.fleet, slices.Concat(c.found, c.alone))); err != nil {
				return fmt.Errorf("write to stdout: %w", err)
			}
			return c.stopped
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "the `format`: text, json, mermaid or dot")
	complete(cmd, "output", "text", "json", "mermaid", "dot")
	return cmd
}
