"""Signs pictures with Content Credentials, by a certificate of our own that nobody trusts."""

import functools
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}


def signed(
    data: bytes, content_type: str, *, parent: bytes | None = None, title: str = "A fox", **claims: Any
) -> bytes:
    """The picture with credentials; `parent` is the signed picture that it was made from."""
    import c2pa

    chain, key = _certificates()
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=key, ta_url=None)
    )
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    manifest = {
        "claim_generator_info": [{"name": "Test maker", "version": "1.0"}],
        "title": title,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [opened if parent else CREATED]}}],
        **claims,
    }
    context = c2pa.Context.from_dict(
        {
            "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
            "builder": {"thumbnail": {"enabled": False}},
        }
    )
    builder = c2pa.Builder(json.dumps(manifest), context=context)
    if parent is not None:
        ingredient = json.dumps({"title": "The first", "relationship": "parentOf", "instance_id": "parent"})
        builder.add_ingredient(ingredient, content_type, io.BytesIO(parent))
    target = io.BytesIO()
    builder.sign(signer, content_type, io.BytesIO(data), target)
    return target.getvalue()


@functools.cache
def _certificates() -> tuple[bytes, bytes]:
    """A chain of signer and root as the C2PA specification wants them, and the signer's key; PEM."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate("Test Root", root_key, "Test Root", root_key, is_root=True)
    leaf = _certificate("Test Signer", key, "Test Root", root_key, is_root=False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return leaf.public_bytes(pem) + root.public_bytes(pem), private


def _certificate(name: str, key: Any, issuer: str, issuer_key: Any, *, is_root: bool) -> x509.Certificate:
    now = datetime.now(UTC)
    usages = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage = x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usages)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not is_root:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(mail, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Works"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
