package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// counts are the defects of one kind: all, those in a file that a cluster's Flux reads, and of these the ones that are
// found at the broken commit, and the ones of which nothing is said at the fix.
type counts struct{ rows, reached, found, silent int }

// write prints the table by kind, and a line for each defect that is not found, or still reported after the fix.
func write(out io.Writer, all []*defect) error {
	var kinds []string
	by := map[string]*counts{}
	for _, d := range all {
		c := by[d.kind]
		if c == nil {
			kinds, c = append(kinds, d.kind), &counts{}
			by[d.kind] = c
		}
		c.rows++
		if d.broken.reached {
			c.reached++
			c.found += one(d.broken.found)
			c.silent += one(!d.fixed.found)
		}
	}
	slices.Sort(kinds)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\trows\treconciled\tfound\tsilent after\trecall\t")
	for _, kind := range kinds {
		c := by[kind]
		recall := "–"
		if c.reached > 0 {
			recall = fmt.Sprintf("%.1f %%", 100*float64(c.found)/float64(c.reached))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\t\n", kind, c.rows, c.reached, c.found, c.silent, recall)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, d := range all {
		switch {
		case !d.broken.reached:
			d.line(out, "not reconciled", d.broken)
		case !d.broken.found:
			d.line(out, "missed", d.broken)
		}
		if d.fixed.found {
			d.line(out, "still reported", d.fixed)
		}
	}
	return nil
}

func (d *defect) line(out io.Writer, what string, v verdict) {
	fmt.Fprintf(out, "%s\t%s\t%s@%.8s\t%s\t%s\t%s\n", what, d.kind, d.repo, v.commit, v.file, v.old, v.why)
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
