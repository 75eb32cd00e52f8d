// Validates an object as an API server does on creation, for the conformance suite: Kubernetes' own strict decoder, defaults and
// validation. One request per line of stdin, JSON, and one answer per line. Of what a server adds by admission, only the account
// that every pod has is here.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podutil "k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/apis/core/validation"
)

type request struct {
	// One object, as JSON.
	Object json.RawMessage `json:"object"`
}

type answer struct {
	// Every fault; none where the object would be created.
	Faults []string `json:"faults"`
}

func main() {
	decoder := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := json.NewEncoder(os.Stdout)
	for {
		var asked request
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fail(err)
		}
		if err := out.Encode(answer{Faults: faultsOf(asked.Object)}); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func faultsOf(text []byte) []string {
	scheme := legacyscheme.Scheme
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme, scheme, serializer.SerializerOptions{Strict: true})
	faults := []string{}
	object, _, err := strict.Decode(text, nil, nil)
	if err != nil {
		faults = append(faults, err.Error())
		// An unknown field leaves an object, which may have more faults.
		if object == nil || !runtime.IsStrictDecodingError(err) {
			return faults
		}
	}
	scheme.Default(object)
	internal, err := scheme.ConvertToVersion(object, schema.GroupVersion{Version: runtime.APIVersionInternal})
	if err != nil {
		return append(faults, err.Error())
	}
	found, err := validate(internal)
	if err != nil {
		return append(faults, err.Error())
	}
	for _, each := range found {
		faults = append(faults, each.Error())
	}
	return faults
}

// An API server fills in the namespace that the request's path names.
const namespace = "default"

func validate(object runtime.Object) (field.ErrorList, error) {
	switch one := object.(type) {
	case *core.Secret:
		placeIn(&one.Namespace)
		return validation.ValidateSecret(one), nil
	case *core.ConfigMap:
		placeIn(&one.Namespace)
		return validation.ValidateConfigMap(one), nil
	case *core.ServiceAccount:
		placeIn(&one.Namespace)
		return validation.ValidateServiceAccount(one), nil
	case *core.Pod:
		placeIn(&one.Namespace)
		// Admission gives every pod an account, before it is validated.
		if one.Spec.ServiceAccountName == "" {
			one.Spec.ServiceAccountName = "default"
		}
		options := podutil.GetValidationOptionsFromPodSpecAndMeta(&one.Spec, nil, &one.ObjectMeta, nil)
		options.ResourceIsPod = true
		return validation.ValidatePodCreate(one, options), nil
	}
	return nil, fmt.Errorf("%T is not judged here", object)
}

func placeIn(given *string) {
	if *given == "" {
		*given = namespace
	}
}
