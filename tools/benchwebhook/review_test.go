//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/loader"
)

// BenchmarkReview is one review, without a network, against fleets of several sizes.
func BenchmarkReview(b *testing.B) {
	b.Chdir("../..")
	for _, objects := range []int{2000, 10000} {
		q, err := prepare(b.Context(), objects, filepath.Join(b.TempDir(), "fleet"))
		if err != nil {
			b.Fatal(err)
		}
		r := reviewer(b, q)
		for i, sort := range sorts {
			b.Run(fmt.Sprintf("%d objects/%s", objects, sort), func(b *testing.B) {
				for n := 0; b.Loop(); n++ {
					question := q.sets[i][n%len(q.sets[i])]
					var review admissionv1.AdmissionReview
					if err := json.Unmarshal(question.review, &review); err != nil {
						b.Fatal(err)
					}
					verdict, err := r.Review(b.Context(), karmada, review.Request)
					if err != nil || verdict.Response.Allowed == question.wrong {
						b.Fatalf("%+v %v", verdict, err)
					}
				}
			})
		}
	}
}

func reviewer(b *testing.B, q *questions) *admission.Reviewer {
	b.Helper()
	fsys, err := loader.Open(q.dir)
	if err != nil {
		b.Fatal(err)
	}
	c := checkout.Checkout{FS: fsys, Name: q.dir, Date: time.Now().UTC().Format(time.DateOnly)}
	if err := c.Configure(fsys, config.Name); err != nil {
		b.Fatal(err)
	}
	e, err := c.Rules(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	f, err := c.Fleet(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	r, err := admission.NewReviewer(e, c.Config)
	if err != nil {
		b.Fatal(err)
	}
	if err := r.Serve(b.Context(), &admission.Snapshot{Fleet: f, Loaded: time.Now()}); err != nil {
		b.Fatal(err)
	}
	return r
}
