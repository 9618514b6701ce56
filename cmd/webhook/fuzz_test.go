package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FuzzReview sends bodies to the handler. Whatever they are, the answer is a review with the UID of the request, or a
// refusal; and that has the UID too where the body can be read that far.
func FuzzReview(f *testing.F) {
	f.Add(testdata(f, "seed-policy.json"))
	f.Add(testdata(f, "labelled-policy.json"))
	f.Add([]byte(review("u", "")))
	f.Add([]byte(review("u", `,"dryRun":1`)))
	f.Add([]byte(`{"request":{"uid":"\u0075\ud800"}}`))
	f.Add([]byte(`[[[[{"uid":1}]]]]`))
	h := handlerOf(fake(allow))
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequest("POST", "/validate/a", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		got := httptest.NewRecorder()
		h.ServeHTTP(got, req)
		uid, certain := uidIn(body)
		if got.Code == http.StatusOK {
			if r := response(t, got.Body.Bytes()); string(r.UID) != uid && certain || r.UID == "" {
				t.Errorf("uid %q instead of %q", r.UID, uid)
			}
			return
		}
		var status metav1.Status
		if err := json.Unmarshal(got.Body.Bytes(), &status); err != nil {
			t.Fatal(err)
		}
		if got.Code < 400 || got.Code >= 500 || int(status.Code) != got.Code || status.Message == "" {
			t.Errorf("%d %s", got.Code, got.Body)
		}
		if certain && !tooDeep(body) && len(uid) <= maxUID && string(status.Details.UID) != uid {
			t.Errorf("uid %q instead of %q", status.Details.UID, uid)
		}
	})
}

// uidIn is the UID of a body; not certain where a key is there twice, so that readers differ in what they take.
func uidIn(body []byte) (uid string, certain bool) {
	var review map[string]any
	if json.Unmarshal(body, &review) != nil {
		return "", true
	}
	request, _ := review["request"].(map[string]any)
	uid, _ = request["uid"].(string)
	return uid, bytes.Count(body, []byte(`"request"`)) < 2 && bytes.Count(body, []byte(`"uid"`)) < 2 &&
		!bytes.Contains(body, []byte(`\u`))
}
