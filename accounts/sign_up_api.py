"""API door to a new account."""

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.services import sign_up
from accounts.throttling import SignUpThrottle


# Told, and left to the validators, which say more.
@extend_schema_field({"type": "string", "minLength": 8, "maxLength": 128})
class _NewPasswordField(serializers.CharField):
    pass


class SignUpInput(serializers.Serializer):
    username = serializers.CharField(
        max_length=150, help_text="Letters, digits and . _ @ + -, not taken by another reader."
    )
    email = serializers.EmailField(max_length=254)
    password = _NewPasswordField(
        max_length=128,
        trim_whitespace=False,
        help_text="Not only digits, not among the common ones, not like the name.",
    )


class SignedUp(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.EmailField()


class SignUpView(APIView):
    """Make an account; a link to confirm the address is sent to it."""

    # No session here: a stranger's form must not act for whoever is logged in.
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (SignUpThrottle,)

    @extend_schema(operation_id="sign_up", request=SignUpInput, responses={201: SignedUp})
    def post(self, request: Request) -> Response:
        form = SignUpInput(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            user = sign_up(**form.validated_data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        EmailAddress.objects.get(user=user).send_confirmation(request._request, signup=True)
        return Response(
            {"id": user.pk, "username": user.username, "email": user.email},
            status=status.HTTP_201_CREATED,
        )
