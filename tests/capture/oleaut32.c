/* Prints what oleaut32's marshallers make of some values: a name and octets in each line. */
#include <stdio.h>
#include <string.h>
#define COBJMACROS
#include <windows.h>
#include <oleauto.h>

ULONG WINAPI BSTR_UserSize(ULONG *, ULONG, BSTR *);
unsigned char *WINAPI BSTR_UserMarshal(ULONG *, unsigned char *, BSTR *);
ULONG WINAPI VARIANT_UserSize(ULONG *, ULONG, VARIANT *);
unsigned char *WINAPI VARIANT_UserMarshal(ULONG *, unsigned char *, VARIANT *);
ULONG WINAPI LPSAFEARRAY_UserSize(ULONG *, ULONG, LPSAFEARRAY *);
unsigned char *WINAPI LPSAFEARRAY_UserMarshal(ULONG *, unsigned char *, LPSAFEARRAY *);

static MIDL_STUB_MESSAGE msg;
static RPC_MESSAGE rpc;

static void init(USER_MARSHAL_CB *cb, unsigned char *buffer, unsigned size) {
    memset(&rpc, 0, sizeof rpc);
    memset(&msg, 0, sizeof msg);
    rpc.Buffer = buffer; rpc.BufferLength = size;
    msg.RpcMsg = &rpc; msg.Buffer = buffer; msg.BufferLength = size;
    msg.dwDestContext = MSHCTX_DIFFERENTMACHINE;
    memset(cb, 0, sizeof *cb);
    cb->Flags = MAKELONG(MSHCTX_DIFFERENTMACHINE, NDR_LOCAL_DATA_REPRESENTATION);
    cb->pStubMsg = &msg;
    cb->Signature = USER_MARSHAL_CB_SIGNATURE;
    cb->CBType = USER_MARSHAL_CB_MARSHALL;
}
static unsigned char buffer[4096] __attribute__((aligned(16)));
static void print(const char *name, unsigned char *end) {
    printf("%s ", name);
    for (unsigned char *p = buffer; p < end; p++) printf("%02x", *p);
    printf("\n"); fflush(stdout);
}
static void variant(const char *name, VARIANT *v) {
    USER_MARSHAL_CB cb; memset(buffer, 0, sizeof buffer); init(&cb, buffer, sizeof buffer);
    print(name, VARIANT_UserMarshal(&cb.Flags, buffer, v));
}
static void bstr(const char *name, BSTR b) {
    USER_MARSHAL_CB cb; memset(buffer, 0, sizeof buffer); init(&cb, buffer, sizeof buffer);
    print(name, BSTR_UserMarshal(&cb.Flags, buffer, &b));
}
static void array(const char *name, SAFEARRAY *a) {
    USER_MARSHAL_CB cb; memset(buffer, 0, sizeof buffer); init(&cb, buffer, sizeof buffer);
    print(name, LPSAFEARRAY_UserMarshal(&cb.Flags, buffer, &a));
}
int main(void) {
    VARIANT v, inner; long l = 0x11223344; short s = 0x1122; double d = 5.25; BSTR b = SysAllocString(L"node1"), b2; DECIMAL dec; VARIANT_BOOL t = VARIANT_TRUE; CY cy; unsigned char by = 7; LONGLONG ll = 0x1122334455667788LL;
    bstr("bstr_null", NULL);
    bstr("bstr_empty", SysAllocString(L""));
    bstr("bstr_node1", b);
    bstr("bstr_odd", SysAllocStringByteLen("abc", 3));
    VariantInit(&v); variant("variant_empty", &v);
    V_VT(&v) = VT_NULL; variant("variant_null", &v);
    V_VT(&v) = VT_I4; V_I4(&v) = l; variant("variant_i4", &v);
    V_VT(&v) = VT_UI1; V_UI1(&v) = 7; variant("variant_ui1", &v);
    V_VT(&v) = VT_I2; V_I2(&v) = s; variant("variant_i2", &v);
    V_VT(&v) = VT_I8; V_I8(&v) = ll; variant("variant_i8", &v);
    V_VT(&v) = VT_R8; V_R8(&v) = d; variant("variant_r8", &v);
    V_VT(&v) = VT_BOOL; V_BOOL(&v) = VARIANT_TRUE; variant("variant_bool", &v);
    V_VT(&v) = VT_ERROR; V_ERROR(&v) = E_FAIL; variant("variant_error", &v);
    cy.int64 = 52500; V_VT(&v) = VT_CY; V_CY(&v) = cy; variant("variant_cy", &v);
    V_VT(&v) = VT_DATE; V_DATE(&v) = d; variant("variant_date", &v);
    V_VT(&v) = VT_INT; V_INT(&v) = -1; variant("variant_int", &v);
    V_VT(&v) = VT_BSTR; V_BSTR(&v) = b; variant("variant_bstr", &v);
    V_VT(&v) = VT_BSTR; V_BSTR(&v) = NULL; variant("variant_bstr_null", &v);
    memset(&dec, 0, sizeof dec); dec.Hi32 = 1; dec.Lo64 = 2; dec.scale = 3; dec.sign = 0x80;
    V_DECIMAL(&v) = dec; V_VT(&v) = VT_DECIMAL; variant("variant_decimal", &v);
    memset(&v, 0, sizeof v);
    V_VT(&v) = VT_I4 | VT_BYREF; V_I4REF(&v) = (LONG *)&l; variant("variant_i4_ref", &v);
    V_VT(&v) = VT_UI1 | VT_BYREF; V_UI1REF(&v) = &by; variant("variant_ui1_ref", &v);
    V_VT(&v) = VT_R8 | VT_BYREF; V_R8REF(&v) = &d; variant("variant_r8_ref", &v);
    V_VT(&v) = VT_BOOL | VT_BYREF; V_BOOLREF(&v) = &t; variant("variant_bool_ref", &v);
    b2 = b; V_VT(&v) = VT_BSTR | VT_BYREF; V_BSTRREF(&v) = &b2; variant("variant_bstr_ref", &v);
    VariantInit(&inner); V_VT(&inner) = VT_BSTR; V_BSTR(&inner) = b;
    V_VT(&v) = VT_VARIANT | VT_BYREF; V_VARIANTREF(&v) = &inner; variant("variant_variant_ref", &v);
    V_VT(&v) = VT_UNKNOWN; V_UNKNOWN(&v) = NULL; variant("variant_unknown_null", &v);
    { SAFEARRAYBOUND bound = {3, 0}, two[2] = {{2, 0}, {3, 1}}; SAFEARRAY *a, *bytes; LONG i; void *data;
      a = SafeArrayCreate(VT_I4, 1, &bound); for (i = 0; i < 3; i++) { l = i + 1; SafeArrayPutElement(a, &i, &l); }
      array("array_i4", a);
      V_VT(&v) = VT_ARRAY | VT_I4; V_ARRAY(&v) = a; variant("variant_array_i4", &v);
      V_VT(&v) = VT_ARRAY | VT_I4 | VT_BYREF; V_ARRAYREF(&v) = &a; variant("variant_array_i4_ref", &v);
      a = SafeArrayCreate(VT_I2, 2, two); array("array_i2_two_dimensions", a);
      bytes = SafeArrayCreateVector(VT_UI1, 0, 5); SafeArrayAccessData(bytes, &data); memcpy(data, "hello", 5); SafeArrayUnaccessData(bytes); array("array_ui1", bytes);
      a = SafeArrayCreateVector(VT_I8, 0, 1); i = 0; SafeArrayPutElement(a, &i, &ll); array("array_i8", a);
      a = SafeArrayCreateVector(VT_R8, 0, 1); SafeArrayPutElement(a, &i, &d); array("array_r8", a);
      a = SafeArrayCreateVector(VT_BOOL, 0, 1); SafeArrayPutElement(a, &i, &t); array("array_bool", a);
      bound.cElements = 2; a = SafeArrayCreate(VT_BSTR, 1, &bound); i = 0; SafeArrayPutElement(a, &i, b); i = 1; SafeArrayPutElement(a, &i, SysAllocString(L"n2")); array("array_bstr", a);
      a = SafeArrayCreate(VT_VARIANT, 1, &bound); i = 0; SafeArrayPutElement(a, &i, &inner); i = 1; VariantInit(&inner); V_VT(&inner) = VT_I4; V_I4(&inner) = 9; SafeArrayPutElement(a, &i, &inner); array("array_variant", a);
      bound.cElements = 0; a = SafeArrayCreate(VT_I4, 1, &bound); array("array_i4_empty", a);
      a = SafeArrayCreate(VT_BSTR, 1, &bound); array("array_bstr_empty", a);
      array("array_null", NULL);
    }
    return 0;
}
