package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// fake judges as it is told.
type fake func(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*admission.Verdict, error)

func (f fake) Review(ctx context.Context, apiServer string, req *admissionv1.AdmissionRequest) (*admission.Verdict,
	error) {
	return f(ctx, apiServer, req)
}

func (f fake) Current() *admission.Snapshot {
	return &admission.Snapshot{Fleet: &fleet.Fleet{APIServers: map[string]fleet.APIServer{"a": {}, "a/b/c": {}}}}
}

// allow allows everything.
func allow(context.Context, string, *admissionv1.AdmissionRequest) (*admission.Verdict, error) {
	return &admission.Verdict{Response: &admissionv1.AdmissionResponse{Allowed: true}, Decision: "allow"}, nil
}

func handlerOf(r reviewer) *handler {
	l := limits{reviews: 4, body: 1 << 20, bodies: 4 << 20}
	return newHandler(slog.New(slog.DiscardHandler), newMetrics(), r, "", l, &atomic.Bool{})
}

func review(uid, more string) string {
	return `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"` + uid +
		`","kind":{"group":"","version":"v1","kind":"ConfigMap"},"operation":"CREATE","object":{"a":1}` + more + `}}`
}

// TestAnswer gives the handler what can be judged and what cannot.
func TestAnswer(t *testing.T) {
	const path, uid = "/validate/a", "705ab4f5"
	good := review(uid, "")
	for _, c := range []struct {
		name, method, path, contentType, body string
		judge                                 fake
		code                                  int
		message, uid, verdict                 string
	}{
		{name: "allowed", body: good, code: 200, uid: uid, verdict: "allow"},
		{name: "with a charset", contentType: "application/json; charset=UTF-8", body: good, code: 200, uid: uid,
			verdict: "allow"},
		{name: "a known API server", path: path + "/b/c", body: good, code: 200, uid: uid, verdict: "allow"},
		{name: "an unknown API server", path: root + "/b", body: good, code: 404, uid: uid, verdict: malformed,
			message: `the fleet has no API server "b"; it has "a", "a/b/c"`},
		{name: "none of several API servers", path: root, body: good, code: 404, uid: uid, verdict: malformed,
			message: `the fleet has several API servers, and nothing says which one asks: /validate/ID does, with one of "a", "a/b/c"`},
		{name: "GET", method: "GET", code: 405, verdict: malformed, message: "reviews are sent by POST"},
		{name: "YAML", contentType: "application/yaml", body: good, code: 415, verdict: malformed,
			message: "reviews are sent as application/json"},
		{name: "two types", contentType: "application/json, text/plain", body: good, code: 415, verdict: malformed,
			message: "reviews are sent as application/json"},
		{name: "UTF-16", contentType: "application/json; charset=utf-16", body: good, code: 415, verdict: malformed,
			message: "reviews are sent as application/json"},
		{name: "a timeout that is none", path: path + "?timeout=soon", body: good, code: 400, verdict: malformed,
			message: "the timeout is not a time that a review can take"},
		{name: "no time", path: path + "?timeout=-1s", body: good, code: 400, verdict: malformed,
			message: "the timeout is not a time that a review can take"},
		{name: "nothing", code: 400, verdict: malformed, message: "the body is not an AdmissionReview in JSON"},
		{name: "no JSON", body: "secret: swordfish", code: 400, verdict: malformed,
			message: "the body is not an AdmissionReview in JSON"},
		{name: "cut off", body: good[:len(good)-1], code: 400, verdict: malformed,
			message: "the body is not an AdmissionReview in JSON"},
		{name: "two reviews", body: good + good, code: 400, verdict: malformed,
			message: "the body is not an AdmissionReview in JSON"},
		{name: "a wrong type", body: review(uid, `,"dryRun":"swordfish"`), code: 400, uid: uid, verdict: malformed,
			message: "the body is not an AdmissionReview in JSON"},
		{name: "a list", body: "[]", code: 400, verdict: malformed,
			message: "the body is not an AdmissionReview in JSON"},
		{name: "null", body: "null", code: 400, verdict: malformed, message: "the body is not an AdmissionReview"},
		{name: "another kind", body: `{"apiVersion":"v1","kind":"Secret"}`, code: 400, verdict: malformed,
			message: "the body is not an AdmissionReview"},
		{name: "another case", body: strings.Replace(good, `"request"`, `"Request"`, 1), code: 400, verdict: malformed,
			message: "the review has no request"},
		{name: "v1beta1", body: strings.Replace(good, "/v1", "/v1beta1", 1), code: 400, uid: uid, verdict: malformed,
			message: "the review is of admission.k8s.io/v1beta1, and admissionReviewVersions of the webhook is not [v1]"},
		{name: "v2", body: strings.Replace(good, "/v1", "/v2", 1), code: 400, uid: uid, verdict: malformed,
			message: "the review is not of admission.k8s.io/v1"},
		{name: "no UID", body: review("", ""), code: 400, verdict: malformed, message: "the request has no uid"},
		{name: "a long UID", body: review(strings.Repeat("u", 129), ""), code: 400, verdict: malformed,
			message: "the uid is too long"},
		{name: "no kind", body: strings.Replace(good, `"kind":"ConfigMap"`, `"kind":""`, 1), code: 400, uid: uid,
			verdict: malformed, message: "the request has no kind"},
		{name: "no object", body: strings.Replace(good, `{"a":1}`, "null", 1), code: 400, uid: uid, verdict: malformed,
			message: "the request has no object"},
		{name: "an object that is none", body: strings.Replace(good, `{"a":1}`, `"swordfish"`, 1), code: 400, uid: uid,
			verdict: malformed, message: "the object is none"},
		{name: "an unknown operation", body: strings.Replace(good, "CREATE", "PATCH", 1), code: 400, uid: uid,
			verdict: malformed,
			message: "the operation is none of CREATE, UPDATE, DELETE, CONNECT"},
		{name: "as deep as may be", body: review(uid, `,"options":{"a":`+strings.Repeat("[", maxDepth-3)+
			strings.Repeat("]", maxDepth-3)+`}`), code: 200, uid: uid, verdict: "allow"},
		{name: "too deep", body: review(uid, `,"options":{"a":`+strings.Repeat("[", maxDepth-2)+
			strings.Repeat("]", maxDepth-2)+`}`), code: 400, verdict: malformed,
			message: "the review is nested too deep"},
		{name: "brackets in a text", body: review(uid, `,"name":"\"`+strings.Repeat("[", 2*maxDepth)+`"`), code: 200,
			uid: uid, verdict: "allow"},
		{name: "a million brackets", body: strings.Repeat("[", 1<<20), code: 400, verdict: malformed,
			message: "the review is nested too deep"},
		{name: "as large as may be", body: good + strings.Repeat(" ", 1<<20-len(good)), code: 200, uid: uid,
			verdict: "allow"},
		{name: "too large", body: good + strings.Repeat(" ", 1<<20-len(good)+1), code: 413, verdict: tooLarge,
			message: "the review is larger than --max-body"},

		{name: "panic", body: good, judge: func(context.Context, string,
			*admissionv1.AdmissionRequest) (*admission.Verdict, error) {
			panic("swordfish")
		}, code: 500, uid: uid, verdict: panicked, message: "the webhook has failed: this is a bug of it"},
		{name: "a rule fails", body: good, judge: func(context.Context, string,
			*admissionv1.AdmissionRequest) (*admission.Verdict, error) {
			return nil, errors.New("swordfish")
		}, code: 500, uid: uid, verdict: failed, message: "the review could not be judged"},
		{name: "no verdict", body: good, judge: func(context.Context, string,
			*admissionv1.AdmissionRequest) (*admission.Verdict, error) {
			return nil, nil
		}, code: 500, uid: uid, verdict: failed, message: "the review could not be judged"},
		{name: "too slow", path: path + "?timeout=10ms", body: good,
			judge: func(ctx context.Context, _ string, _ *admissionv1.AdmissionRequest) (*admission.Verdict, error) {
				<-ctx.Done()
				return nil, fmt.Errorf("swordfish: %w", ctx.Err())
			}, code: 504, uid: uid, verdict: timeout, message: "the review could not be judged in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.judge == nil {
				c.judge = allow
			}
			h := handlerOf(c.judge)
			var logged bytes.Buffer
			h.log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			req := httptest.NewRequest(cmp.Or(c.method, "POST"), cmp.Or(c.path, path), strings.NewReader(c.body))
			req.ContentLength = -1 // what it says of its length is looked at elsewhere
			req.Header.Set("Content-Type", cmp.Or(c.contentType, "application/json"))
			got := httptest.NewRecorder()
			h.ServeHTTP(got, req)
			if strings.Contains(got.Body.String()+logged.String(), "swordfish") {
				t.Errorf("the content is shown: %s%s", got.Body, &logged)
			}
			if got.Code != c.code || got.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%d, %v", got.Code, got.Header())
			}
			if allow := got.Header().Get("Allow"); (allow == "POST") != (c.code == http.StatusMethodNotAllowed) {
				t.Errorf("Allow: %q", allow)
			}
			if n := requests(t, h.metrics, c.verdict); n != 1 {
				t.Errorf("%v requests with verdict %s", n, c.verdict)
			}
			if c.code == http.StatusOK {
				if r := response(t, got.Body.Bytes()); string(r.UID) != c.uid || !r.Allowed {
					t.Errorf("%+v", r)
				}
				return
			}
			var status metav1.Status
			if err := json.Unmarshal(got.Body.Bytes(), &status); err != nil {
				t.Fatal(err)
			}
			if status.Kind != "Status" || int(status.Code) != c.code || status.Message != c.message ||
				string(status.Details.UID) != c.uid {
				t.Errorf("%s", got.Body)
			}
			if h.few.lane.room+h.many.lane.room != 2*h.limits.reviews || !h.many.budget.TryAcquire(h.limits.bodies) {
				t.Error("the review holds on to what it took")
			}
		})
	}
}

// requests counts the requests that came to a verdict.
func requests(t *testing.T, m *metrics, verdict string) (n float64) {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "rollcall_admission_requests_total" && label.GetName() == "verdict" &&
					label.GetValue() == verdict {
					n += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

func TestDeadline(t *testing.T) {
	for timeout, want := range map[string]time.Duration{
		"": 9500 * time.Millisecond, "1s": 900 * time.Millisecond, "3s": 2700 * time.Millisecond,
		"10s": 9500 * time.Millisecond,
		"30s": 29500 * time.Millisecond, "1h": 29500 * time.Millisecond,
	} {
		if got, err := deadline(timeout); got != want || err != nil {
			t.Errorf("%q: %s, %v", timeout, got, err)
		}
	}
}

// TestFlood sends more reviews at once than may wait: each has its verdict, with its own UID, or is told to come again.
// No more are judged at once than there are processors.
func TestFlood(t *testing.T) {
	free := make(chan struct{})
	var atOnce atomic.Int64
	h := handlerOf(fake(func(ctx context.Context, _ string, req *admissionv1.AdmissionRequest) (*admission.Verdict,
		error) {
		if n := atOnce.Add(1); n > int64(runtime.GOMAXPROCS(0)) {
			t.Errorf("%d at once", n)
		}
		defer atOnce.Add(-1)
		<-free
		return allow(ctx, "", req)
	}))
	s := httptest.NewServer(h)
	defer s.Close()
	h.few.lane.moment = 0
	const all = 200
	var judged, refused atomic.Int64
	var clients sync.WaitGroup
	for i := range all {
		clients.Go(func() {
			uid := fmt.Sprintf("uid-%d", i)
			answer, err := http.Post(s.URL+"/validate/a", "application/json", strings.NewReader(review(uid, "")))
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			switch {
			case err != nil:
				t.Error(err)
			case answer.StatusCode == http.StatusTooManyRequests && answer.Header.Get("Retry-After") == "1":
				if refused.Add(1) == all-int64(h.limits.reviews) {
					close(free) // the others wait for this: whatever is refused is refused while they are judged
				}
			case answer.StatusCode == http.StatusOK && strings.Contains(string(text), `"uid":"`+uid+`"`):
				judged.Add(1)
			default:
				t.Errorf("%d %s", answer.StatusCode, text)
			}
		})
	}
	clients.Wait()
	if judged.Load() != int64(h.limits.reviews) || refused.Load() != all-int64(h.limits.reviews) {
		t.Errorf("%d judged, %d refused", judged.Load(), refused.Load())
	}
}

// TestWaiting asks while every processor is taken: the review waits for as long as the API server does.
func TestWaiting(t *testing.T) {
	h := handlerOf(fake(allow))
	ask := func() int {
		req := httptest.NewRequest("POST", "/validate/a?timeout=20ms", strings.NewReader(review("one", "")))
		req.Header.Set("Content-Type", "application/json")
		got := httptest.NewRecorder()
		h.ServeHTTP(got, req)
		return got.Code
	}
	all := runtime.GOMAXPROCS(0)
	h.few.lane.free -= all
	if code := ask(); code != http.StatusGatewayTimeout {
		t.Errorf("%d while every processor is taken", code)
	}
	h.few.lane.free += all
	if code := ask(); code != http.StatusOK {
		t.Errorf("%d afterwards", code)
	}
}

// TestReplay sends one review again and again: what was judged before makes no difference.
func TestReplay(t *testing.T) {
	n := 0
	h := handlerOf(fake(func(ctx context.Context, _ string, req *admissionv1.AdmissionRequest) (*admission.Verdict,
		error) {
		v, err := allow(ctx, "", req)
		n++
		v.Response.Allowed = n%2 == 0
		return v, err
	}))
	for i := range 4 {
		req := httptest.NewRequest("POST", "/validate/a", strings.NewReader(review("same", "")))
		req.Header.Set("Content-Type", "application/json")
		got := httptest.NewRecorder()
		h.ServeHTTP(got, req)
		if r := response(t, got.Body.Bytes()); r.UID != "same" || r.Allowed != (i%2 == 1) {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

// TestBudget reads more than there is memory for.
func TestBudget(t *testing.T) {
	b := budget{semaphore.NewWeighted(100 << 10)}
	none := func() bool { return false }
	first, err := b.read(strings.NewReader(strings.Repeat("a", 40<<10)), 1<<20, none)
	if err != nil || len(first.data) != 40<<10 || first.held != 64<<10 {
		t.Fatalf("%d bytes, holding %d: %v", len(first.data), first.held, err)
	}
	second, err := b.read(strings.NewReader(strings.Repeat("a", 40<<10)), 1<<20, none)
	if !errors.Is(err, errBusy) {
		t.Errorf("beyond the budget: %v", err)
	}
	second.release()
	first.release()
	if !b.TryAcquire(100 << 10) {
		t.Error("not all is released")
	}
}
