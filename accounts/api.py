"""API doors to accounts: sign up, and a token for a username and password."""

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.services import issue_token, sign_up
from accounts.throttling import LoginThrottle, SignUpThrottle


class SignUpInput(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class SignUpView(APIView):
    # No session here: a stranger's form must not act for whoever is logged in.
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (SignUpThrottle,)

    def post(self, request: Request) -> Response:
        form = SignUpInput(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            user = sign_up(**form.validated_data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return Response(
            {"id": user.pk, "username": user.username, "email": user.email},
            status=status.HTTP_201_CREATED,
        )


class TokenInput(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class TokenView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    def post(self, request: Request) -> Response:
        form = TokenInput(data=request.data)
        form.is_valid(raise_exception=True)
        issued = issue_token(**form.validated_data)
        if issued is None:
            raise serializers.ValidationError({"non_field_errors": ["Wrong username or password."]})
        token, secret = issued
        response = Response({"token": secret, "expires_at": token.expiry})
        response["Cache-Control"] = "no-store"
        return response
