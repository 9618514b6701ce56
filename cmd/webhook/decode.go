package main

import (
	"bytes"
	"errors"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/json"
)

const (
	// maxDepth bounds how deep a review is nested. Of the API's own types none reaches 40.
	maxDepth = 200
	// maxUID bounds the UID, which comes back in the answer. API servers send 36 characters.
	maxUID = 128
)

// decode reads a review. An error says what is wrong and nothing of the content; the UID is there
// as far as it can be read.
func decode(data []byte) (*admissionv1.AdmissionRequest, types.UID, error) {
	if tooDeep(data) {
		return nil, "", errors.New("the review is nested too deep")
	}
	var review admissionv1.AdmissionReview
	if err := json.UnmarshalCaseSensitivePreserveInts(data, &review); err != nil {
		return nil, uidOf(data), errors.New("the body is not an AdmissionReview in JSON")
	}
	req := review.Request
	var uid types.UID
	if req != nil && len(req.UID) <= maxUID {
		uid = req.UID
	}
	switch {
	case review.Kind != "AdmissionReview":
		return nil, uid, errors.New("the body is not an AdmissionReview")
	case review.APIVersion == "admission.k8s.io/v1beta1":
		return nil, uid, errors.New(
			"the review is of admission.k8s.io/v1beta1, and admissionReviewVersions of the webhook is not [v1]")
	case review.APIVersion != "admission.k8s.io/v1":
		return nil, uid, errors.New("the review is not of admission.k8s.io/v1")
	case req == nil:
		return nil, "", errors.New("the review has no request")
	case req.UID == "":
		return nil, "", errors.New("the request has no uid")
	case len(req.UID) > maxUID:
		return nil, "", errors.New("the uid is too long")
	}
	return req, uid, complete(req)
}

// complete says what a request lacks without which it cannot be judged.
func complete(req *admissionv1.AdmissionRequest) error {
	if req.Kind.Kind == "" || req.Kind.Version == "" {
		return errors.New("the request has no kind")
	}
	for _, object := range []runtime.RawExtension{req.Object, req.OldObject} {
		if raw := bytes.TrimSpace(object.Raw); len(raw) > 0 && raw[0] != '{' {
			return errors.New("the object is none")
		}
	}
	switch req.Operation {
	case admissionv1.Create, admissionv1.Update:
		if len(req.Object.Raw) == 0 {
			return errors.New("the request has no object")
		}
	case admissionv1.Delete, admissionv1.Connect:
	default:
		return errors.New("the operation is none of CREATE, UPDATE, DELETE, CONNECT")
	}
	return nil
}

// uidOf is the UID of a review of which something else is of the wrong type.
func uidOf(data []byte) types.UID {
	var review struct {
		Request struct {
			UID types.UID `json:"uid"`
		} `json:"request"`
	}
	if err := json.UnmarshalCaseSensitivePreserveInts(data, &review); err != nil || len(review.Request.UID) > maxUID {
		return ""
	}
	return review.Request.UID
}

// tooDeep is true for JSON that is nested deeper than maxDepth; what is no JSON may be either.
func tooDeep(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		}
	}
	return false
}
