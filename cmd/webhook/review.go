package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	webhookmetrics "sigs.k8s.io/controller-runtime/pkg/webhook/admission/metrics"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// reviewer judges reviews.
type reviewer interface {
	Current() *admission.Snapshot
	Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*admission.Verdict, error)
}

// What a review that has no verdict comes to.
const (
	malformed   = "malformed"   // no review that can be read
	tooLarge    = "too-large"   // longer than --max-body
	busy        = "busy"        // too many at once
	unavailable = "unavailable" // no fleet yet
	timeout     = "timeout"     // not judged in time
	canceled    = "canceled"    // the client has gone
	failed      = "error"       // a rule failed
	panicked    = "panic"
)

// The least and the most time that a client may ask for, and what it gets if it does not say:
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts.
const (
	defaultTimeout = 10 * time.Second
	maxTimeout     = 30 * time.Second
)

// root is where reviews are sent; the ID of the API server that asks may follow.
const root = serving.Path

// handler answers reviews over HTTP. What it cannot judge it answers with an HTTP error and never with a verdict, so
// that the webhook's failurePolicy decides.
type handler struct {
	log      *slog.Logger
	metrics  *metrics
	reviewer reviewer
	// apiServer is the ID of the API server that asks where the path names none.
	apiServer string
	limits    limits
	// few are the reviews of no more than fewBytes, many all others: large ones do not hold up the others.
	few, many class
	workers   workers
	// draining: clients are to open no further review on the connections they have.
	draining *atomic.Bool
}

// class are the reviews of some size: the memory for their bodies, and their turn to be judged. To judge more large
// ones at once takes as long, and more memory.
type class struct {
	budget budget
	lane   *lane
}

const (
	fewBytes = 64 << 10
	// moment is how long a small review keeps a processor to itself. All but few have a verdict in a tenth of it.
	moment = 250 * time.Millisecond
)

func newHandler(log *slog.Logger, m *metrics, r reviewer, apiServer string, l limits, draining *atomic.Bool) *handler {
	processors := runtime.GOMAXPROCS(0)
	return &handler{
		log: log, metrics: m, reviewer: r, apiServer: apiServer, limits: l, draining: draining,
		few: class{budget{semaphore.NewWeighted(2 * fewBytes * int64(l.reviews))},
			newLane(processors, l.reviews, moment)},
		workers: make(workers, 2*processors),
		many:    class{budget{semaphore.NewWeighted(l.bodies)}, newLane(processors, l.reviews, 0)},
	}
}

// answer is what one request comes to.
type answer struct {
	code    int // of HTTP
	outcome string
	uid     types.UID
	// response is the verdict; where there is none, reason and message say why, without anything of the body.
	response *admissionv1.AdmissionResponse
	reason   metav1.StatusReason
	message  string

	request  *admissionv1.AdmissionRequest
	rules    []string
	done     map[string]admission.Decision // about the findings of each rule
	revision string
	err      error
	stack    []string
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	a := h.answer(r, start)
	took := time.Since(start)
	if h.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	a.write(w)
	h.metrics.count(a, took)
	h.logAnswer(r.Context(), a, took)
}

// answer judges what is asked. What panics is answered too: the API server must not wait for it.
func (h *handler) answer(r *http.Request, start time.Time) (a *answer) {
	a = &answer{}
	defer func() {
		if p := recover(); p != nil {
			a.panicked(serving.Callers())
		}
	}()
	who := asker{address: clientOf(r.RemoteAddr)}
	class := h.many
	if r.ContentLength >= 0 && r.ContentLength <= fewBytes {
		class = h.few
	}
	limit, ok := h.acceptable(a, r, class.lane, who)
	if !ok {
		return a
	}
	body, err := class.budget.read(r.Body, h.limits.body, stalled(r.Context()))
	answered := arrived(r.Context())
	defer func() { answered(a.response != nil) }()
	if err != nil {
		body.release()
		a.unread(err)
		return a
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	ctx, stop := context.WithDeadline(ctx, start.Add(limit))
	defer stop()
	h.takeTurn(ctx, cancel, a, &turn{body, class.lane, who, strings.Trim(strings.TrimPrefix(r.URL.Path, root), "/")})
	return a
}

// turn is a review that has arrived.
type turn struct {
	body      *body
	lane      *lane
	who       asker
	apiServer string
}

// takeTurn judges a review once it is its turn.
func (h *handler) takeTurn(ctx context.Context, cancel context.CancelCauseFunc, a *answer, t *turn) {
	release := sync.OnceFunc(t.body.release)
	started := false
	defer func() {
		if !started {
			release()
		}
	}()
	early := len(t.body.data) <= fewBytes
	if early { // which costs little, and tells who asks
		if !a.read(t.body.data) {
			return
		}
		t.who.user = a.request.UserInfo.Username
	}
	p, err := t.lane.enter(ctx, t.who, cancel)
	if err != nil {
		a.unjudged(ctx, err)
		return
	}
	defer p.leave()
	if !early && !a.read(t.body.data) {
		return
	}
	started = true
	h.judge(ctx, a, t.apiServer, release)
}

// acceptable says what is wrong with a request before its body is read, and else how long the review may take.
func (h *handler) acceptable(a *answer, r *http.Request, l *lane, who asker) (time.Duration, bool) {
	limit, err := deadline(r.URL.Query().Get("timeout"))
	switch {
	case r.Method != http.MethodPost:
		a.refuse(http.StatusMethodNotAllowed, malformed, metav1.StatusReasonMethodNotAllowed,
			"reviews are sent by POST")
	case !isJSON(r.Header):
		a.refuse(http.StatusUnsupportedMediaType, malformed, metav1.StatusReasonUnsupportedMediaType,
			"reviews are sent as application/json")
	case err != nil:
		a.refuse(http.StatusBadRequest, malformed, metav1.StatusReasonBadRequest,
			"the timeout is not a time that a review can take")
	case r.ContentLength > h.limits.body:
		a.unread(errTooLarge)
	case h.reviewer.Current() == nil:
		a.refuse(http.StatusServiceUnavailable, unavailable, metav1.StatusReasonServiceUnavailable,
			"no fleet is loaded yet")
	case l.full(who): // enter decides; this spares reading what has no chance
		a.refuseBusy()
	default:
		return limit, true
	}
	return 0, false
}

func isJSON(h http.Header) bool {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset, given := params["charset"]
	encoding := h.Get("Content-Encoding")
	return err == nil && kind == "application/json" && (!given || strings.EqualFold(charset, "utf-8")) &&
		(encoding == "" || encoding == "identity") && len(h.Values("Content-Type")) == 1
}

// deadline is how long a review may take: as long as the API server waits, less the time that the answer takes. An API
// server says how long that is, "3s":
// https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/admission/plugin/webhook/validating/dispatcher.go, callHook.
func deadline(timeout string) (time.Duration, error) {
	limit := defaultTimeout
	if timeout != "" {
		var err error
		if limit, err = time.ParseDuration(timeout); err != nil {
			return 0, err
		}
		if limit <= 0 {
			return 0, errors.New("no time")
		}
	}
	limit = min(limit, maxTimeout)
	return limit - min(limit/10, 500*time.Millisecond), nil
}

// read reads the review in the data.
func (a *answer) read(data []byte) bool {
	req, uid, err := decode(data)
	if a.uid = uid; err != nil {
		a.refuse(http.StatusBadRequest, malformed, metav1.StatusReasonBadRequest, err.Error())
		return false
	}
	a.request = req
	return true
}

// judge answers the review that was read. At its deadline it is answered, whether the judgement heeds that or goes on;
// done is called once it does not go on.
func (h *handler) judge(ctx context.Context, a *answer, apiServer string, done func()) {
	snapshot := h.reviewer.Current()
	a.revision = snapshot.Name()
	if apiServer == "" {
		apiServer = h.apiServer
	}
	if _, err := admission.Find(snapshot.Fleet, apiServer); err != nil {
		done()
		a.refuse(http.StatusNotFound, malformed, metav1.StatusReasonNotFound, err.Error())
		return
	}
	judged := make(chan judgement, 1)
	req := a.request
	h.workers.do(func() {
		defer done()
		j := h.review(ctx, apiServer, req)
		done() // before the answer, after which nothing is held any more
		judged <- j
	})
	var j judgement
	select {
	case j = <-judged:
	case <-ctx.Done():
		select { // what heeds it knows more
		case j = <-judged:
		case <-time.After(heedTime):
			j.err = ctx.Err()
		}
	}
	switch {
	case j.stack != nil:
		a.panicked(j.stack)
	case j.err != nil:
		a.unjudged(ctx, j.err)
	default:
		response := *j.verdict.Response
		response.UID = a.uid
		a.code, a.outcome, a.response = http.StatusOK, string(j.verdict.Decision), &response
		a.rules, a.done = j.verdict.Rules, j.verdict.Done
	}
}

// workers are goroutines that wait for the next review: their stacks have grown.
type workers chan chan func()

func (w workers) do(work func()) {
	select {
	case idle := <-w:
		idle <- work
	default:
		next := make(chan func())
		go w.serve(next, work)
	}
}

func (w workers) serve(next chan func(), work func()) {
	for {
		work()
		select {
		case w <- next:
			work = <-next
		default:
			return
		}
	}
}

// heedTime is how long a judgement may take to end at its deadline.
const heedTime = 10 * time.Millisecond

// judgement is what a review comes to; the stack is that of a panic.
type judgement struct {
	verdict *admission.Verdict
	err     error
	stack   []string
}

func (h *handler) review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (j judgement) {
	defer func() {
		if p := recover(); p != nil {
			j.stack = serving.Callers()
		}
	}()
	j.verdict, j.err = h.reviewer.Review(ctx, apiServer, req)
	if j.err == nil && (j.verdict == nil || j.verdict.Response == nil) {
		j.err = errors.New("no verdict")
	}
	return j
}

func (a *answer) panicked(stack []string) {
	a.stack = stack
	webhookmetrics.WebhookPanics.WithLabelValues().Inc()
	a.refuse(http.StatusInternalServerError, panicked, metav1.StatusReasonInternalError,
		"the webhook has failed: this is a bug of it")
}

func (a *answer) refuse(code int, outcome string, reason metav1.StatusReason, message string) {
	a.code, a.outcome, a.reason, a.message, a.response = code, outcome, reason, message, nil
}

func (a *answer) refuseBusy() {
	a.refuse(http.StatusTooManyRequests, busy, metav1.StatusReasonTooManyRequests, "too many reviews at once")
}

// unread refuses what could not be read.
func (a *answer) unread(err error) {
	switch {
	case errors.Is(err, errTooLarge):
		a.refuse(http.StatusRequestEntityTooLarge, tooLarge, metav1.StatusReasonRequestEntityTooLarge,
			"the review is "+errTooLarge.Error())
	case errors.Is(err, errBusy):
		a.refuseBusy()
	case errors.Is(err, os.ErrDeadlineExceeded):
		a.refuse(http.StatusRequestTimeout, malformed, metav1.StatusReasonTimeout, "the review did not arrive in time")
	default:
		a.refuse(http.StatusBadRequest, malformed, metav1.StatusReasonBadRequest, "the review did not arrive whole")
	}
}

// unjudged refuses what could not be judged.
func (a *answer) unjudged(ctx context.Context, err error) {
	a.err = err
	switch {
	case errors.Is(err, errBusy), errors.Is(context.Cause(ctx), errBusy):
		a.refuseBusy()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		a.refuse(http.StatusGatewayTimeout, timeout, metav1.StatusReasonTimeout,
			"the review could not be judged in time")
	case ctx.Err() != nil:
		a.refuse(http.StatusServiceUnavailable, canceled, metav1.StatusReasonServiceUnavailable, "the client has gone")
	default:
		a.refuse(http.StatusInternalServerError, failed, metav1.StatusReasonInternalError,
			"the review could not be judged")
	}
}

// write writes a review with its response, or a Status, which API servers show in what they say of the failed call.
func (a *answer) write(w http.ResponseWriter) {
	var content any
	if a.response != nil {
		content = admissionv1.AdmissionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
			Response: a.response,
		}
	} else {
		content = metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
			Status:   metav1.StatusFailure, Code: int32(a.code), Reason: a.reason, Message: a.message,
			Details: &metav1.StatusDetails{UID: a.uid},
		}
	}
	text, err := json.Marshal(content)
	if err != nil { // no type here can fail
		a.code = http.StatusInternalServerError
	}
	// An API server asks again after this time, within its own, and else takes the call for failed:
	// https://github.com/kubernetes/client-go/blob/v0.36.0/rest/with_retry.go, IsNextRetry.
	if slices.Contains([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, a.code) {
		w.Header().Set("Retry-After", "1")
	}
	if a.code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.code)
	_, _ = w.Write(append(text, '\n'))
}
