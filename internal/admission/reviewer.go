// Package admission judges what an API server asks: a request is a change of the fleet, and what the change introduces is the
// answer. It knows no rule, and nothing of HTTP.
package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/spelling"
	"github.com/rollcall-dev/rollcall/rules"
)

// Snapshot is a fleet as reviews are judged against it; never changed.
type Snapshot struct {
	Fleet *fleet.Fleet
	// Revision is Flux's, "main@sha1:…", and empty for a folder; Digest is that of the content.
	Revision, Digest string
	Loaded           time.Time
}

// Reviewer judges requests against the fleet that it serves. It may be used by several goroutines.
type Reviewer struct {
	engine *rules.Engine
	rules  map[string]rules.Rule // by ID
	config config.Admission
	bench  atomic.Pointer[bench]
}

// NewReviewer judges by the rules of an engine, as the configuration wants it. A mode of a rule that does not exist is an error.
func NewReviewer(engine *rules.Engine, c config.Config) (*Reviewer, error) {
	r := &Reviewer{engine: engine, rules: map[string]rules.Rule{}, config: c.Admission}
	var ids []string
	for _, rule := range engine.Rules() {
		r.rules[rule.ID] = rule
		ids = append(ids, rule.ID)
	}
	if err := c.CheckRules(ids); err != nil {
		return nil, err
	}
	return r, nil
}

// Serve judges the fleet once, and from then on requests are judged against it. An error leaves the last one serving.
func (r *Reviewer) Serve(ctx context.Context, s *Snapshot) error {
	judgement, err := r.engine.Judge(ctx, s.Fleet)
	if err != nil {
		return err
	}
	r.bench.Store(newBench(s, judgement))
	return nil
}

// Current is what is served, nil before the first.
func (r *Reviewer) Current() *Snapshot {
	if b := r.bench.Load(); b != nil {
		return b.snapshot
	}
	return nil
}

// Decision is what a request comes to.
type Decision string

// Decisions.
const (
	Allow Decision = "allow"
	Warn  Decision = "warn" // admitted, with warnings
	Deny  Decision = "deny"
	Skip  Decision = "skip" // admitted, and not judged
)

// Verdict is the answer to a request.
type Verdict struct {
	Response *admissionv1.AdmissionResponse
	Decision Decision
	// Rules are the ids of those that denied or warned, sorted.
	Rules []string
}

// Review judges one request of an API server; its ID is "" for the default one: the only Karmada API server of the fleet, or
// its only API server. An error means that the request could not be judged: no fleet is served, the API server is none of the
// fleet's, ctx is done, or a rule failed. Never is it an answer.
func (r *Reviewer) Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*Verdict, error) {
	b := r.bench.Load()
	if b == nil {
		return nil, errors.New("no fleet is served yet")
	}
	server, err := Find(b.snapshot.Fleet, apiServer)
	if err != nil {
		return nil, err
	}
	if why := r.spared(req); why != "" {
		return r.skip(b.snapshot, req, why), nil
	}
	change, why, err := read(ctx, server, req)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return r.skip(b.snapshot, req, why), nil
	}
	found, err := b.introduced(ctx, change, len(req.Object.Raw)+len(req.OldObject.Raw))
	if err != nil {
		return nil, fmt.Errorf("judge %s %s/%s: %w", req.Kind.Kind, change.Object.Namespace, change.Object.Name, err)
	}
	return r.answer(b.snapshot, req, change, found), nil
}

// spared says why a request is not judged at all; empty where it is.
func (r *Reviewer) spared(req *admissionv1.AdmissionRequest) string {
	judged := []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete}
	exempt := r.config.Exempt
	switch {
	case !slices.Contains(judged, req.Operation):
		return "operation"
	case req.SubResource != "":
		return "subresource"
	case slices.Contains(exempt.Namespaces, req.Namespace) && req.Namespace != "":
		return "namespace"
	case slices.Contains(exempt.Users, req.UserInfo.Username):
		return "user"
	case slices.ContainsFunc(req.UserInfo.Groups, func(group string) bool { return slices.Contains(exempt.Groups, group) }):
		return "group"
	}
	return ""
}

// Find is the ID of the API server that asks: the one that is named, or for "" the only Karmada API server of the fleet, or its only
// API server. An error says that it is none of the fleet's, or that there are several.
func Find(f *fleet.Fleet, id string) (string, error) {
	if id != "" {
		if _, ok := f.APIServers[id]; !ok {
			return "", fmt.Errorf("the fleet has no API server %q%s", id, spelling.DidYouMean(id, servers(f, func(fleet.APIServer) bool { return true })))
		}
		return id, nil
	}
	for _, is := range []func(fleet.APIServer) bool{
		func(s fleet.APIServer) bool { return s.Kind == "karmada" },
		func(s fleet.APIServer) bool { return s.ControlPlane != "" },
		func(fleet.APIServer) bool { return true },
	} {
		switch ids := servers(f, is); len(ids) {
		case 0:
			continue
		case 1:
			return ids[0], nil
		default:
			return "", errors.New("the fleet has several API servers that may be asking: say which one it is")
		}
	}
	return "", errors.New("the fleet has no API server")
}

func servers(f *fleet.Fleet, is func(fleet.APIServer) bool) []string {
	var ids []string
	for id, server := range f.APIServers {
		if is(server) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
